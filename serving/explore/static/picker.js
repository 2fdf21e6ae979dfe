// The list of columns: everything that the file has, by mart, found by words of names, units and descriptions.

import { byId, el } from "./dom.js";

const MOST = 80;
let marts = [];
let choose = () => {};

export function fillPicker(found, chosen) {
  marts = found;
  choose = chosen;
  show();
}

export function startPicker() {
  const search = byId("search");
  search.addEventListener("input", show);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") move(event, null, 1);
    if (event.key === "Escape" && search.value) {
      search.value = "";
      show();
    }
  });
  byId("marts").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") move(event, document.activeElement, 1);
    if (event.key === "ArrowUp") move(event, document.activeElement, -1);
  });
  byId("open-picker").addEventListener("click", (event) => {
    const isOpen = byId("picker").classList.toggle("open");
    event.currentTarget.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) search.focus();
  });
}

function show() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const list = byId("marts");
  if (!words.length) {
    list.replaceChildren(...marts.map(closed));
    const columns = marts.reduce((sum, mart) => sum + mart.columns.length, 0);
    byId("found").textContent = `${columns.toLocaleString("en-US")} columns in ${marts.length} marts`;
    return;
  }
  let count = 0;
  const groups = [];
  for (const mart of marts) {
    const columns = mart.columns
      .map((column) => [rank(words, mart, column), column])
      .filter(([place]) => place > 0)
      .sort((a, b) => b[0] - a[0]);
    if (columns.length) groups.push([columns[0][0], mart, columns.map(([, column]) => column)]);
    count += columns.length;
  }
  groups.sort((a, b) => b[0] - a[0]);
  let left = MOST;
  const shown = [];
  for (const [, mart, columns] of groups) {
    if (left <= 0) break;
    const some = columns.slice(0, left);
    left -= some.length;
    shown.push(el("div", { class: "mart" }, el("h2", {}, mart.mart), some.map((column) => button(mart, column))));
  }
  list.replaceChildren(...shown);
  const more = count > MOST ? `, the first ${MOST} shown` : "";
  byId("found").textContent = count === 1 ? "1 column" : `${count.toLocaleString("en-US")} columns${more}`;
}

// Words in the column's name count more than words in what is said of it; every word must be somewhere.
function rank(words, mart, [name, , unit, description]) {
  let sum = 0;
  for (const word of words) {
    if (name.includes(word)) sum += 4;
    else if (mart.mart.includes(word)) sum += 3;
    else if (`${unit} ${description}`.toLowerCase().includes(word)) sum += 1;
    else return 0;
  }
  return sum;
}

function closed(mart) {
  const details = el("details", { class: "mart" }, el("summary", {}, mart.mart));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(el("p", { class: "quiet" }, brief(mart)), ...mart.columns.map((column) => button(mart, column)));
  });
  return details;
}

function brief(mart) {
  const end = mart.description.indexOf(". ");
  const first = end > 0 ? mart.description.slice(0, end + 1) : mart.description;
  return mart.no_past ? `${first} No past: it ${mart.no_past}.` : first;
}

function button(mart, [name, , unit, description]) {
  return el(
    "button",
    { type: "button", class: "column", onclick: () => choose(mart.mart, name) },
    el("span", { class: "name" }, name),
    el("span", { class: "unit" }, unit),
    el("span", { class: "quiet" }, description),
  );
}

function move(event, from, step) {
  const all = [...byId("marts").querySelectorAll("summary, button.column")].filter((one) => one.offsetParent !== null);
  const next = from === null ? all[0] : all[all.indexOf(from) + step];
  event.preventDefault();
  (next ?? byId("search")).focus();
}
