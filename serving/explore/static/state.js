// What the page shows, and its address: either can be made from the other.

export const state = { lines: [], from: "", to: "", asof: "", shade: true, now: true, joined: false };

const COUNTED = { change: 1, percent: 1, zscore: 252 };
export const TRANSFORMS = {
  level: "level", change: "change over", percent: "percent change over", zscore: "z-score of", ratio: "ratio to first",
};
export const counted = (name) => name in COUNTED;
export const usualRows = (name) => COUNTED[name] ?? 0;

const part = (text) => encodeURIComponent(text);

export function written(line) {
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
  return { mart: decoded(name.slice(0, dot)), column: decoded(name.slice(dot + 1)), transform, rows, keys };
}

export function query(lines = state.lines) {
  const parts = lines.map((line) => `s=${lightly(written(line))}`);
  for (const name of ["from", "to", "asof"]) if (state[name]) parts.push(`${name}=${lightly(state[name])}`);
  if (!state.shade) parts.push("shade=0");
  if (!state.now) parts.push("now=0");
  if (state.joined) parts.push("joined=1");
  return parts.join("&");
}

export function fromAddress() {
  const given = new URLSearchParams(location.search);
  state.lines = given.getAll("s").filter((one) => one.includes(".")).map(read);
  for (const name of ["from", "to", "asof"]) state[name] = given.get(name) ?? "";
  state.shade = given.get("shade") !== "0";
  state.now = given.get("now") !== "0";
  state.joined = given.get("joined") === "1";
  return given.size > 0;
}

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
