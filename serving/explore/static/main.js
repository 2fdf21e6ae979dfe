// The page: asks for what the address says, draws it, and follows new releases.

import { ask, byId, el } from "./dom.js";
import { explain, startExplanations } from "./explain.js";
import { drawPanels } from "./panels.js";
import { fillPicker, startPicker } from "./picker.js";
import { onPaper, onThemeChange, theme } from "./spec.js";
import { fromAddress, query, state, toAddress, usualRows } from "./state.js";
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
      if (asked === query()) await show(found);
      else isWaiting = true;
      complain(null);
    } catch (error) {
      if (answer === null) {
        showTimeline(catalog);
        byId("panels").replaceChildren();
      }
      complain(error.message);
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
  found.lines.forEach((line, place) => {
    if (state.lines[place]) state.lines[place].keys = line.keys;
  });
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

function complain(sentence) {
  byId("problem").hidden = sentence === null;
  const leave = state.lines.map((line, place) => el("button", {
    type: "button", onclick: () => {
      state.lines.splice(place, 1);
      change(true);
    },
  }, `Leave out ${line.mart}.${line.column}`));
  byId("problem").replaceChildren(el("span", {}, sentence ?? ""), ...leave);
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
