// What the page shows, and its address: either can be made from the other.

// A line has `text`, as the address writes it, until the server has read it; `others` are parameters that no page has.
export const state = { lines: [], from: "", to: "", asof: "", shade: true, now: true, joined: false, others: [] };

const DATES = ["from", "to", "asof"];
const SWITCHES = ["shade", "now", "joined"];
const COUNTED = { change: 1, percent: 1, zscore: 252 };
export const TRANSFORMS = {
  level: "level", change: "change over", percent: "percent change over", zscore: "z-score of", ratio: "ratio to first",
};
export const counted = (name) => name in COUNTED;
export const usualRows = (name) => COUNTED[name] ?? 0;

const part = (text) => encodeURIComponent(text);

export function written(line) {
  if (line.text !== undefined) return line.text;
  const rows = counted(line.transform) ? line.rows || usualRows(line.transform) : "";
  const made = line.transform && line.transform !== "level" ? `~${line.transform}${rows}` : "";
  const keys = Object.entries(line.keys ?? {}).map(([name, value]) => `;${part(name)}=${part(value)}`);
  return `${part(line.mart)}.${part(line.column)}${made}${keys.join("")}`;
}

export function read(text) {
  const [path, ...chosen] = text.split(";");
  const made = /^(.*)~(level|change|percent|zscore|ratio)(\d+)?$/s.exec(path);
  const name = made ? made[1] : path;
  const dot = name.indexOf(".", name.startsWith("claims.") ? 7 : 0);
  const keys = {};
  for (const one of chosen) {
    const equals = one.indexOf("=");
    keys[decoded(one.slice(0, equals))] = decoded(one.slice(equals + 1));
  }
  const transform = made ? made[2] : "level";
  const rows = made && made[3] ? Number(made[3]) : usualRows(transform);
  return { text, mart: decoded(name.slice(0, dot)), column: decoded(name.slice(dot + 1)), transform, rows, keys };
}

// The address of some lines; `without` are parameters that it does not repeat.
export function query(lines = state.lines, without = []) {
  const parts = lines.map((line) => `s=${lightly(written(line))}`);
  for (const name of DATES) if (state[name] && !without.includes(name)) parts.push(`${name}=${lightly(state[name])}`);
  if (!state.shade) parts.push("shade=0");
  if (!state.now) parts.push("now=0");
  if (state.joined) parts.push("joined=1");
  for (const [name, value] of state.others) {
    if (!without.includes(name)) parts.push(`${encodeURIComponent(name)}=${lightly(value)}`);
  }
  return parts.join("&");
}

export function fromAddress() {
  const given = new URLSearchParams(location.search);
  state.lines = given.getAll("s").map(read);
  state.others = [...given].filter(([name, value]) => !(name === "s" || (isOnce(given, name) && isRead(name, value))));
  for (const name of DATES) state[name] = isOnce(given, name) ? given.get(name) : "";
  state.shade = given.get("shade") !== "0";
  state.now = given.get("now") !== "0";
  state.joined = given.get("joined") === "1";
  return given.size > 0;
}

// Takes parameters out of the address.
export function leaveOut(names) {
  for (const name of DATES) if (names.includes(name)) state[name] = "";
  state.others = state.others.filter(([name]) => !names.includes(name));
}

const isOnce = (given, name) => given.getAll(name).filter(Boolean).length === 1;
const isRead = (name, value) => DATES.includes(name) || (SWITCHES.includes(name) && ["0", "1"].includes(value));

export function toAddress(isStep) {
  const address = `${location.pathname}?${query()}`;
  if (address === location.pathname + location.search) return;
  if (isStep) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

// ; and = need no code in an address, and it is read by people too.
function lightly(text) {
  return encodeURIComponent(text).replaceAll("%3B", ";").replaceAll("%3D", "=").replaceAll("%3A", ":");
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
