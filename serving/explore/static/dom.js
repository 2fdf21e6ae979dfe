// Elements made by hand: texts from the file are texts, never markup.

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

export async function ask(address) {
  const answer = await fetch(address, { headers: { accept: "application/json" } }).catch(() => null);
  if (!answer) throw new Error("No answer: is `tidegauge explore` still running?");
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.error), { leftOut: said.left_out ?? [] });
  return said;
}

export function figure(value) {
  if (value === null || value === undefined) return "no value";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value).replace("T00:00:00", "").replace("T", " ");
  return value.toLocaleString("en-US", { maximumSignificantDigits: Math.abs(value) < 1e6 ? 7 : 12 });
}
