// The charts and what is set above each of their lines.

import { Chart, picture, swatch } from "./chart.js";
import { ask, byId, el } from "./dom.js";
import { colourOf, time } from "./spec.js";
import { TRANSFORMS, counted, query, state, usualRows } from "./state.js";

let charts = [];
let answer = null;
let colours = {};
const choices = new Map();

// Draws an answer. `change(isStep)` is called when somebody sets something; `explain(line, at)` for a point.
export async function drawPanels(found, settings) {
  answer = found;
  colours = settings.colours;
  const panels = grouped(found);
  const signature = JSON.stringify([panels.map((panel) => panel.lines.map(shape)), settings.theme]);
  const holder = byId("panels");
  if (holder.dataset.signature !== signature) {
    const focus = document.activeElement?.dataset.focus;
    for (const one of charts) one.chart.finalize();
    charts = panels.map((panel) => build(panel, settings));
    holder.dataset.signature = signature;
    holder.replaceChildren(...charts.map((one) => one.box));
    if (focus) [...holder.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focus)?.focus();
    if (!panels.length) holder.replaceChildren(el("p", { class: "quiet" }, "Choose a column to draw it here."));
  }
  await Promise.all(charts.map((one, place) => one.update(panels[place])));
}

// Takes the charts away, where an address has nothing to draw.
export function clearPanels() {
  for (const one of charts) one.chart.finalize();
  charts = [];
  delete byId("panels").dataset.signature;
  byId("panels").replaceChildren();
}

const shape = (line) => [line.mart, line.column, line.transform, line.rows, line.keys, line.unit, line.place];

function grouped({ lines, from, to }) {
  const groups = new Map();
  for (const line of lines) {
    const plain = line.kind === "number" && line.axis !== null;
    const key = state.joined && plain ? line.unit : `only ${line.place}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push({ ...line, label: `${line.title} (${line.place + 1})` });
  }
  const dated = lines.filter((line) => line.extent);
  const extents = dated.map((line) => [time(line.extent[0]), time(line.extent[1])]);
  const first = from ? time(from) : Math.min(...extents.map(([day]) => day));
  const last = to ? time(to) : Math.max(...extents.map(([, day]) => day));
  return [...groups.values()].map((own) => {
    for (const line of own) line.swatch = own.length > 1 ? colourOf(line.place) : null;
    return { lines: own, domain: Number.isFinite(first) && Number.isFinite(last) ? [first, last] : null };
  });
}

function build(panel, settings) {
  const chart = new Chart(panel, {
    onHover: (from, at) => {
      for (const one of charts) if ((one.panel.lines[0].axis === null) === (from.lines[0].axis === null)) {
        if (from.lines[0].axis !== null || one.panel === from) one.chart.hover(at);
      }
    },
    onExplain: settings.explain,
  });
  const heads = panel.lines.map((line) => head(line, settings));
  const notes = el("div", {});
  const saves = el("p", { class: "saves" },
    el("button", { type: "button", onclick: () => savePicture(one.panel) }, "PNG"),
    ...["csv", "xlsx"].map((form) =>
      el("a", { class: "button", download: true, "data-form": form }, form.toUpperCase())));
  const box = el("section", { class: "panel", "aria-label": panel.lines.map((line) => line.title).join(", ") },
    heads, notes, chart.readout, chart.box, saves);
  const one = { box, chart, panel, update };
  async function update(next) {
    one.panel = next;
    notes.replaceChildren(...next.lines.filter((line) => line.note).map((line) =>
      el("p", { class: "note" }, next.lines.length > 1 ? `${line.title}: ${line.note}` : line.note)));
    const leftOut = answer.left_out.flatMap((part) => part.parameters);
    for (const link of saves.querySelectorAll("a")) {
      link.href = `/download.${link.dataset.form}?${query(next.lines.map((line) => state.lines[line.place] ?? line), leftOut)}`;
    }
    await chart.draw(next, answer.bands, colours, settings.momentAt());
  }
  return one;
}

function head(line, { change, describe }) {
  const asked = state.lines[line.place];
  const set = (name, value) => {
    asked[name] = value;
    change(true);
  };
  const rows = el("input", {
    type: "number", min: line.transform === "zscore" ? 2 : 1, max: 5000, value: line.rows || usualRows(line.transform), "aria-label": "rows", "data-focus": `${line.place} rows`,
    onchange: (event) => set("rows", Math.min(5000, Math.max(Number(event.target.min), Math.round(Number(event.target.value)) || 1))),
  });
  const transform = el("select", {
    "aria-label": "transform", "data-focus": `${line.place} transform`,
    onchange: (event) => {
      asked.rows = usualRows(event.target.value);
      set("transform", event.target.value);
    },
  }, Object.entries(TRANSFORMS).map(([name, told]) => el("option", { value: name, selected: name === line.transform }, told)));
  return el("div", { class: "head" },
    el("div", { class: "title" },
      el("h2", {}, line.swatch ? swatch(line) : null, el("span", {}, line.column), el("small", {}, ` ${line.mart}`)),
      el("button", { type: "button", class: "plain", "aria-label": `Remove ${line.title}`, "data-focus": `${line.place} remove`, onclick: () => {
        state.lines.splice(line.place, 1);
        change(true);
      } }, "Remove")),
    el("p", { class: "quiet" }, describe(line)),
    el("div", { class: "settings" },
      line.selectors.map((name) => selector(line, name, (value) => {
        asked.keys = { ...line.keys, [name]: value };
        if (!value) delete asked.keys[name];
        change(true);
      })),
      line.kind === "number" ? [transform, counted(line.transform) ? [rows, el("span", { class: "quiet" }, line.transform === "zscore" ? "values" : "rows")] : null] : null));
}

// A list of the values that a key has; a long one is typed into.
function selector(line, name, set) {
  const id = `choices-${line.place}-${name}`;
  const label = el("label", {}, `${name} `);
  const value = line.keys[name] ?? "";
  const focus = `${line.place} key ${name}`;
  const input = el("input", { list: id, value, size: 14, autocomplete: "off", "data-focus": focus, onchange: (event) => set(event.target.value.trim()) });
  label.append(input);
  choicesOf(line.mart).then((found) => {
    const all = found[name] ?? [];
    if (all.length > 60) {
      label.append(el("datalist", { id }, all.map((one) => el("option", { value: one }))));
      return;
    }
    const options = [...(line.axis === null ? [""] : []), ...(all.includes(value) || !value ? [] : [value]), ...all];
    const isFocused = document.activeElement === input;
    const select = el("select", { "data-focus": focus, onchange: (event) => set(event.target.value) },
      options.map((one) => el("option", { value: one, selected: one === value }, one || "all")));
    input.replaceWith(select);
    if (isFocused) select.focus();
  }).catch(() => {}); // without the list the value can still be typed
  return label;
}

function choicesOf(mart) {
  const key = `${answer.build.build_id} ${mart}`;
  if (!choices.has(key)) choices.set(key, ask(`/api/choices?mart=${encodeURIComponent(mart)}`).then((found) => found.choices));
  return choices.get(key);
}

async function savePicture(panel) {
  const { build, moment } = answer;
  const mark = build.origin === "LIVE" ? "" : `${build.origin} · `;
  const known = moment ? `as known at ${moment}` : "as published";
  const words = {
    title: panel.lines.map((line) => line.title).join(" and ").slice(0, 110),
    subtitle: `${mark}${known} · release ${build.build_id} · tidegauge`,
  };
  const blob = await picture(panel, answer.bands, colours, moment ? Date.parse(`${moment.slice(0, 10)}T00:00:00Z`) : null, words);
  const link = el("a", { href: URL.createObjectURL(blob), download: `tidegauge-${build.is_simulated ? "SIMULATED-" : ""}${panel.lines[0].column}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
