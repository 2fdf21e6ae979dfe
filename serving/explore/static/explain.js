// Where one figure comes from: the cell as published now, its formula, its inputs, and the archived bytes of each.

import { ask, byId, el, figure } from "./dom.js";
import { written } from "./state.js";

const dialog = () => byId("explanation");

export function startExplanations() {
  byId("close-explanation").addEventListener("click", () => dialog().close());
  dialog().addEventListener("click", (event) => {
    if (event.target === dialog()) dialog().close();
  });
}

export async function explain(line, at, moment) {
  const x = line.axis === null ? at : new Date(at).toISOString().slice(0, 10);
  const place = line.x.indexOf(x);
  const day = place >= 0 ? x : line.x.filter((one) => one <= x).pop();
  if (day === undefined) return;
  byId("explained").replaceChildren(el("p", { class: "quiet" }, "Looking it up…"));
  if (!dialog().open) dialog().showModal();
  try {
    const asked = written({ mart: line.mart, column: line.column, transform: "level", keys: line.keys });
    const found = await ask(`/api/explain?s=${encodeURIComponent(asked)}&x=${encodeURIComponent(day)}`);
    byId("explained").replaceChildren(...page(found, line, line.y[line.x.indexOf(day)], moment));
  } catch (error) {
    byId("explained").replaceChildren(el("p", { class: "problem" }, error.message));
  }
}

function page(found, line, drawn, moment) {
  const key = Object.entries(found.key).map(([name, value]) => `${name} ${value}`).join(", ");
  const failed = found.checks.filter((check) => !check.is_passed);
  const facts = [
    ["value", `${figure(found.value)}`],
    ["row", key],
    ["means", found.description.replace(/^SIMULATED\. /, "")],
    ["formula", found.formula && el("code", {}, found.formula)],
    ["known at", found.known_at && `${found.known_at.slice(0, 16)} UTC`],
    ["checks", `${found.checks.length - failed.length} of ${found.checks.length} passed${failed.map((one) => `; failed: ${one.check}`).join("")}`],
    ["release", found.build_id],
  ];
  return [
    found.is_simulated ? el("p", { class: "simulated" }, "SIMULATED") : null,
    el("h3", {}, `marts.${found.mart}.${found.column}`),
    moment ? el("p", { class: "note" }, `This explains the cell as published now. The chart shows ${figure(drawn)}, as known at ${moment}.`) : null,
    line.transform !== "level" ? el("p", { class: "note" }, `The chart shows ${figure(drawn)}: ${line.title}. This explains the value behind it.`) : null,
    list(facts),
    ...found.notes.map((note) => el("p", { class: "note" }, note)),
    found.problem ? el("p", { class: "problem" }, found.problem) : null,
    found.inputs.length ? el("h3", {}, `Inputs (${found.inputs.length})`) : null,
    ...found.inputs.map(input),
  ].filter(Boolean);
}

function input(one) {
  const archived = one.archived;
  const same = archived?.is_same;
  return el("article", { class: "input" },
    el("h4", {}, one.path, one.title ? el("small", {}, ` ${one.title}`) : null),
    list([
      ["value", one.value === null ? "no value" : `${figure(one.value)} ${one.unit ?? ""}`],
      ["of", one.period],
      ["known at", one.known_at && `${one.known_at.slice(0, 16)} UTC (${one.known_basis})`],
      ["provider", one.provider],
      ["asked", archived && `${archived.url}, ${archived.fetched_at.slice(0, 16)} UTC, ${archived.bytes_count.toLocaleString("en-US")} bytes`],
      ["sha-256", one.payload_sha256 && el("code", {}, one.payload_sha256)],
      ["bytes", archived?.excerpt && el("code", { class: "bytes" }, `…${archived.excerpt}…`)],
      ["parsed again", same === true ? "gives this value" : same === false ? "does NOT give this value" : null],
      ["problem", archived?.problem],
    ]));
}

function list(facts) {
  return el("dl", {}, facts.filter(([, told]) => told).map(([name, told]) => [el("dt", {}, name), el("dd", {}, told)]));
}
