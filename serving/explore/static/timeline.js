// Dates and the moment: presets, fields, and the slider of what was known.

import { byId, el } from "./dom.js";
import { state } from "./state.js";

const DAY = 86_400_000;
const PRESETS = { "1Y": 1, "5Y": 5, "10Y": 10, All: 0 };
let range = { first: 0, last: 0 };
let refused = null; // a moment that the server could not read
let change = () => {};

const text = (at) => new Date(at).toISOString().slice(0, 10);
const at = (day) => Date.parse(`${day.slice(0, 10)}T00:00:00Z`);

export function startTimeline(act) {
  change = act;
  byId("presets").append(...Object.keys(PRESETS).map((name) =>
    el("button", { type: "button", onclick: () => preset(PRESETS[name]) }, name)));
  for (const name of ["from", "to"]) {
    byId(name).addEventListener("change", (event) => {
      state[name] = event.target.value;
      change(true);
    });
  }
  for (const name of ["shade", "now", "joined"]) {
    byId(name).addEventListener("change", (event) => {
      state[name] = event.target.checked;
      change(true);
    });
  }
  byId("slider").addEventListener("input", (event) => set(range.first + Number(event.target.value) * DAY, false));
  byId("day").addEventListener("change", (event) => event.target.value && set(at(event.target.value), true));
  byId("newest").addEventListener("click", () => set(range.last, true));
  for (const button of document.querySelectorAll("[data-days]")) {
    button.addEventListener("click", () => set((asked() ?? range.last) + Number(button.dataset.days) * DAY, true));
  }
}

// Shows the state, in the range of what is drawn; the last day of the slider is what is published.
export function showTimeline(answer) {
  const firsts = answer?.lines ? answer.lines.filter((line) => line.extent).map((line) => at(line.extent[0])) : [];
  const through = answer?.build.data_through_date;
  if (through) range.last = at(through);
  if (firsts.length) range.first = Math.min(Math.min(...firsts), range.last);
  for (const name of ["from", "to"]) byId(name).value = state[name];
  for (const name of ["shade", "now", "joined"]) byId(name).checked = state[name];
  const slider = byId("slider");
  slider.max = Math.max(1, Math.round((range.last - range.first) / DAY));
  refused = answer?.refusedMoment ?? null;
  const day = asked() ?? range.last;
  slider.value = Math.round((day - range.first) / DAY);
  byId("day").value = text(day);
  byId("newest").disabled = !state.asof;
  const shown = state.asof && state.asof !== refused ? (answer?.moment ?? state.asof) : "as published: the newest of everything";
  byId("moment").textContent = shown;
  slider.setAttribute("aria-valuetext", asked() === null ? "as published" : text(day));
}

export const momentAt = asked;

function asked() {
  const day = state.asof && state.asof !== refused ? at(state.asof) : NaN;
  return Number.isFinite(day) ? day : null;
}

function set(day, isStep) {
  const kept = Math.min(Math.max(day, range.first), range.last);
  state.asof = kept >= range.last ? "" : text(kept);
  change(isStep);
}

function preset(years) {
  const end = new Date(range.last);
  end.setUTCFullYear(end.getUTCFullYear() - years);
  state.from = years ? text(end) : "";
  state.to = "";
  change(true);
}
