// The page: asks for what the address says, draws it, and follows new releases.

import { ask, byId, el } from "./dom.js";
import { explain, startExplanations } from "./explain.js";
import { clearPanels, drawPanels } from "./panels.js";
import { fillPicker, startPicker } from "./picker.js";
import { onPaper, onThemeChange, theme } from "./spec.js";
import { fromAddress, leaveOut, query, state, toAddress, usualRows } from "./state.js";
import { momentAt, showTimeline, startTimeline } from "./timeline.js";

const LOOK_EVERY = 10_000;
let catalog = null;
let answer = null;
let isAsking = false;
let isWaiting = false;

function change(isStep) {
  toAddress(isStep);
  showTimeline(answer);
  refresh();
}

// One question at a time: while one is on its way, only the newest state waits. So a slider is never ahead of itself.
async function refresh() {
  if (isAsking) {
    isWaiting = true;
    return;
  }
  isAsking = true;
  document.body.classList.add("asking");
  do {
    isWaiting = false;
    try {
      if (catalog === null) await loadCatalog();
      const asked = query();
      const found = await ask(`/api/view?${asked}`);
      if (found.build.build_id !== catalog.build.build_id) await loadCatalog();
      if (asked === query()) {
        await show(found);
        complain(found.left_out);
      } else isWaiting = true;
    } catch (error) {
      if (answer === null) showTimeline(catalog);
      if (answer === null || error.leftOut?.length) clearPanels();
      complain(error.leftOut?.length ? error.leftOut : [{ sentence: error.message, places: state.lines.keys(), parameters: [] }]);
    }
  } while (isWaiting);
  isAsking = false;
  document.body.classList.remove("asking");
  document.body.dataset.drawn = String(Number(document.body.dataset.drawn ?? 0) + 1);
}

async function loadCatalog() {
  catalog = await ask("/api/catalog");
  fillPicker(catalog.marts, (mart, column) => {
    state.lines.push({ mart, column, transform: "level", rows: usualRows("level"), keys: {} });
    change(true);
  });
  if (isFirst) state.lines = catalog.first.map((one) => ({ mart: one.split(".")[0], column: one.slice(one.indexOf(".") + 1), transform: "level", rows: 0, keys: {} }));
  isFirst = false;
}

async function show(found) {
  answer = found;
  found.refusedMoment = found.left_out.some((part) => part.parameters.includes("asof")) ? state.asof : null;
  for (const line of found.lines) {
    const own = state.lines[line.place];
    if (!own) continue;
    own.keys = line.keys;
    delete own.text;
  }
  toAddress(false);
  const { build } = found;
  byId("simulated").hidden = !build.is_simulated;
  byId("release").textContent = `Release ${build.build_id} · ${build.origin} · sessions to ${build.data_through_date} · built ${build.built_at}`;
  document.title = `${build.is_simulated ? "SIMULATED · " : ""}${found.lines.map((line) => line.column).join(", ") || "columns"} · tidegauge explore`;
  showClasses(found.bands);
  showTimeline(found);
  await drawPanels(found, {
    change, colours: catalog.colours, momentAt, describe, theme: theme().paper,
    explain: (line, at) => explain(line, at, line.is_past ? answer.moment : null),
  });
}

function showClasses(bands) {
  byId("classes").hidden = !bands;
  byId("classes").replaceChildren(...Object.entries(onPaper(catalog.colours)).map(([name, colour]) => {
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = colour;
    return el("li", {}, swatch, name);
  }));
}

function describe(line) {
  const newest = line.newest_of.length && line.axis ? ` Of several rows a day the newest by ${line.newest_of.join(", ")}.` : "";
  return `${line.description}${newest && !line.description.endsWith(".") ? "." : ""}${newest}`;
}

// Says what of the address is not drawn, and why; each part of it can be left out.
function complain(leftOut) {
  byId("problem").hidden = !leftOut.length;
  byId("problem").replaceChildren(...leftOut.map(({ sentence, places, parameters }) => {
    const buttons = [...places].filter((place) => state.lines[place]).map((place) => leaving(nameOf(state.lines[place]), () => state.lines.splice(place, 1)));
    if (parameters.length) buttons.push(leaving(parameters.join(", "), () => leaveOut(parameters)));
    const shown = parameters.includes("asof") && answer?.left_out === leftOut ? ". The charts show what is published now." : "";
    return el("p", {}, el("span", {}, sentence + shown), buttons);
  }));
}

const nameOf = (line) => line.text ?? `${line.mart}.${line.column}`;

function leaving(name, act) {
  return el("button", { type: "button", onclick: () => {
    act();
    change(true);
  } }, `Leave out ${name}`);
}

async function look() {
  if (!isAsking && answer && !document.hidden) {
    const build = await ask("/api/build").catch(() => null);
    if (build && build.build_id !== answer.build.build_id) refresh();
  }
  setTimeout(look, LOOK_EVERY);
}

let isFirst = !fromAddress();
startPicker();
startExplanations();
startTimeline(change);
showTimeline(null);
onThemeChange(() => answer && show(answer));
addEventListener("popstate", () => {
  fromAddress();
  showTimeline(answer);
  refresh();
});
refresh();
look();
