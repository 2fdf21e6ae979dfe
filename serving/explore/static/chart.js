// One chart: drawn by Vega without its expression compiler (the page allows no code but its own files), read by hand.

import { el, figure } from "./dom.js";
import { dataOf, isByDate, isStates, specification, time } from "./spec.js";

const OPTIONS = { mode: "vega-lite", actions: false, ast: true, renderer: "canvas", defaultStyle: false, tooltip: false, logLevel: 1 };
const PADDING = 5;

export class Chart {
  constructor(panel, { onHover, onExplain }) {
    this.onHover = onHover;
    this.onExplain = onExplain;
    this.cross = el("div", { class: "cross", hidden: true });
    this.drawing = el("div", { class: "drawing" });
    this.readout = el("p", { class: "readout" });
    this.box = el("div", { class: "chart", tabindex: "0", role: "group" }, this.drawing, this.cross);
    this.place = -1;
    this.panel = panel;
    this.listen();
  }

  async draw(panel, bands, colours, momentAt) {
    this.panel = panel;
    const names = panel.lines.map((line) => line.title).join(" and ");
    this.box.setAttribute("aria-label", `Chart of ${names}. Arrow keys move, Enter explains.`);
    const specified = specification(panel, { height: heightOf(panel) }, colours);
    const signature = JSON.stringify(specified);
    const data = dataOf(panel, bands, momentAt);
    if (signature === this.signature) {
      for (const [name, rows] of Object.entries(data)) this.view.data(name, rows);
      await this.view.runAsync();
    } else {
      this.view?.finalize();
      this.view = (await globalThis.vegaEmbed(this.drawing, { ...specified, datasets: data }, OPTIONS)).view;
      this.signature = signature;
    }
    this.hover(this.at ?? null);
  }

  finalize() {
    this.view?.finalize();
  }

  // What is at a day (or a row): the crosshair and a line of text. `null` is the newest.
  hover(at) {
    this.at = at;
    this.cross.hidden = at === null;
    if (at !== null && this.view) {
      const scale = this.view.scale("x");
      const half = scale.bandwidth ? scale.bandwidth() / 2 : 0;
      const x = scale(at);
      this.cross.hidden = x === undefined || x < 0 || x > this.view.width() + 1;
      if (!this.cross.hidden) {
        this.cross.style.left = `${x + half + this.view.origin()[0] + PADDING}px`;
        this.cross.style.height = `${this.view.height()}px`;
        this.cross.style.top = `${this.view.origin()[1] + PADDING}px`;
      }
    }
    this.readout.replaceChildren(...this.panel.lines.map((line) => reading(line, at)));
  }

  listen() {
    this.box.addEventListener("pointermove", (event) => this.onHover(this.panel, this.nearest(event)));
    this.box.addEventListener("pointerleave", () => this.onHover(this.panel, null));
    this.box.addEventListener("click", (event) => {
      const at = this.nearest(event);
      if (at !== null) this.onExplain(this.lineAt(event, at), at);
    });
    this.box.addEventListener("focus", () => this.readout.setAttribute("role", "status"));
    this.box.addEventListener("blur", () => this.readout.removeAttribute("role"));
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const line = this.panel.lines[0];
    const last = line.x.length - 1;
    const step = event.shiftKey ? 20 : 1;
    const now = this.at === null || this.at === undefined ? last : nearestPlace(line, this.at);
    const to = { ArrowLeft: now - step, ArrowRight: now + step, Home: 0, End: last }[event.key];
    if (to !== undefined && last >= 0) {
      event.preventDefault();
      this.onHover(this.panel, xOf(line, Math.max(0, Math.min(last, to))));
    } else if (event.key === "Enter" && last >= 0) {
      event.preventDefault(); // it would press the button that the explanation puts the focus on
      this.onExplain(line, this.at ?? xOf(line, last));
    } else if (event.key === "Escape") {
      this.onHover(this.panel, null);
    }
  }

  nearest(event) {
    if (!this.view) return null;
    const scale = this.view.scale("x");
    const line = this.longest();
    if (!line.x.length) return null;
    const x = event.clientX - this.drawing.getBoundingClientRect().left - this.view.origin()[0] - PADDING;
    if (x < -8 || x > this.view.width() + 8) return null;
    if (scale.invert) return xOf(line, nearestPlace(line, Number(scale.invert(x))));
    const place = Math.max(0, Math.min(line.x.length - 1, Math.floor(x / scale.step())));
    return line.x[place];
  }

  lineAt(event, at) {
    if (this.panel.lines.length === 1 || isStates(this.panel)) return this.panel.lines[0];
    const scale = this.view.scale("y");
    const y = event.clientY - this.drawing.getBoundingClientRect().top - this.view.origin()[1] - PADDING;
    const away = (line) => {
      const value = line.y[placeOf(line, at)];
      return typeof value === "number" ? Math.abs(scale(value) - y) : Infinity;
    };
    return this.panel.lines.reduce((best, line) => (away(line) < away(best) ? line : best));
  }

  longest() {
    return this.panel.lines.reduce((best, line) => (line.x.length > best.x.length ? line : best));
  }
}

export async function picture(panel, bands, colours, momentAt, words) {
  const holder = el("div", { class: "offscreen", "aria-hidden": "true" });
  document.body.append(holder);
  try {
    const size = { width: 1100, height: heightOf(panel) + 160, isPicture: true, ...words };
    const specified = specification({ ...panel, hasLegend: panel.lines.length > 1 }, size, colours);
    specified.autosize = { type: "pad", contains: "content" };
    const datasets = dataOf(panel, bands, momentAt);
    const { view } = await globalThis.vegaEmbed(holder, { ...specified, datasets }, OPTIONS);
    const canvas = await view.toCanvas(2);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    view.finalize();
    return blob;
  } finally {
    holder.remove();
  }
}

function heightOf(panel) {
  if (!isStates(panel)) return 220;
  const states = new Set(panel.lines.flatMap((line) => (line.note ? [] : line.y.filter((y) => y !== null))));
  return Math.max(60, Math.min(440, 22 * states.size + 20));
}

const xOf = (line, place) => (line.axis === null ? line.x[place] : time(line.x[place]));

// Days are in order, so the nearest is found by halving; rows are found by their name.
export function nearestPlace(line, at) {
  if (line.axis === null) return line.x.indexOf(at);
  let low = 0;
  let high = line.x.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time(line.x[middle]) < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - time(line.x[low - 1]) < time(line.x[low]) - at ? low - 1 : low;
}

// The row of a day itself; for a slower series the last one before it.
export function placeOf(line, at) {
  if (line.axis === null) return line.x.indexOf(at);
  const near = nearestPlace(line, at);
  return near >= 0 && line.x.length && time(line.x[near]) > at ? near - 1 : near;
}

function reading(line, at) {
  const place = at === null ? line.x.length - 1 : placeOf(line, at);
  const value = line.y[place];
  const told = [el("b", {}, `${figure(value)}${value === null || line.kind !== "number" ? "" : ` ${line.unit}`}`)];
  if (place < 0 || place >= line.x.length) told.splice(0, 1, "no row yet");
  else told.unshift(`${line.axis === null ? line.x[place] : line.x[place]}: `);
  if (line.now && place >= 0) {
    const later = line.now.x.indexOf(line.x[place]);
    if (later >= 0 && line.now.y[later] !== value) told.push(`, now ${figure(line.now.y[later])}`);
  }
  return el("span", { class: "of" }, line.swatch ? swatch(line) : null, told);
}

export function swatch(line) {
  const made = el("span", { class: "swatch", "aria-hidden": "true" });
  made.style.background = line.swatch;
  return made;
}
