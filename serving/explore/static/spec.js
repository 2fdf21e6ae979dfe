// Vega-Lite specifications. Figures go in by name afterwards, so that a new moment changes data and not the drawing.

const LIGHT = {
  ink: "#1b1b1b", soft: "#555", grid: "#e4e4e4", paper: "#ffffff", past: "#8a8a8a", pale: 0.42, warm: 0.42, strong: 0.4,
  lines: ["#1f5fa8", "#b3541e", "#2a7a3f", "#7b3fa0", "#8a6a00", "#0f7c8a", "#a8325e", "#4d4d4d"],
};
const DARK = {
  ink: "#e8e8e8", soft: "#b4b8bf", grid: "#2e333b", paper: "#16191e", past: "#8d939c", pale: 0.13, warm: 0.3, strong: 0.5,
  lines: ["#6fb1f2", "#f0985c", "#75cf8f", "#c79af0", "#e3c04f", "#58cbd8", "#f08ab0", "#c8c8c8"],
};
const dark = matchMedia("(prefers-color-scheme: dark)");

export const theme = () => (dark.matches ? DARK : LIGHT);
export const onThemeChange = (act) => dark.addEventListener("change", act);
export const colourOf = (place) => theme().lines[place % theme().lines.length];
export const time = (day) => Date.parse(`${String(day).slice(0, 10)}T00:00:00Z`);

// The colours of the regimes on this paper: pale ones and strong ones are mixed into it by measures of their own.
export function onPaper(colours) {
  const { paper, pale, warm, strong } = theme();
  const of = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const ground = of(paper);
  const mixed = (hex) => {
    const [r, g, b] = of(hex);
    const isLight = 0.3 * r + 0.59 * g + 0.11 * b > 150;
    const share = !isLight ? strong : Math.max(r, g, b) - Math.min(r, g, b) > 90 ? warm : pale;
    return `rgb(${[r, g, b].map((one, at) => Math.round(one * share + ground[at] * (1 - share))).join(",")})`;
  };
  return Object.fromEntries(Object.entries(colours).map(([name, hex]) => [name, mixed(hex)]));
}

const CATEGORY = "state";
export const isStates = (panel) => panel.lines[0].kind === CATEGORY;
export const isByDate = (panel) => panel.lines[0].axis !== null;

export function specification(panel, size, colours) {
  const look = theme();
  const x = isByDate(panel) ? dates : rows(panel);
  const layer = [];
  if (isByDate(panel)) layer.push(span, bands(onPaper(colours), size.isPicture), moment(look));
  layer.push(...(isStates(panel) ? states(panel, Object.keys(colours)) : values(panel, look)));
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    width: size.width ?? "container",
    height: size.height,
    title: size.title ? { text: size.title, subtitle: size.subtitle, anchor: "start" } : undefined,
    background: size.isPicture ? look.paper : "transparent",
    padding: size.isPicture ? 16 : 5,
    autosize: { type: "fit-x", contains: "padding" },
    encoding: { x },
    layer,
    resolve: { scale: { color: "independent", y: "shared" } },
    config: config(look),
  };
}

export function dataOf(panel, bandRows, momentAt) {
  const points = [];
  const past = [];
  const label = (line) => line.label;
  for (const line of panel.lines) {
    for (let i = 0; i < line.x.length; i++) points.push({ x: at(line, line.x[i]), y: shown(line, line.y[i]), c: label(line) });
    if (line.now) {
      const { x, y } = line.now;
      for (let i = 0; i < x.length; i++) past.push({ x: at(line, x[i]), y: shown(line, y[i]), c: label(line) });
    }
  }
  const [first, last] = panel.domain ?? [0, 0];
  const inside = (bandRows ?? [])
    .map(([k, a, b]) => ({ k, x: Math.max(time(a), first), x2: Math.min(time(b), last) }))
    .filter((band) => band.x < band.x2 && band.k !== null);
  const mark = momentAt !== null && momentAt > first && momentAt < last ? [{ x: momentAt }] : [];
  if (!isByDate(panel)) return { points };
  const common = { span: [{ x: first }, { x: last }], bands: inside, moment: mark };
  return isStates(panel) ? { points: runs(panel), ...common } : { points, past, ...common };
}

function runs(panel) {
  const found = [];
  const day = 86_400_000;
  for (const line of panel.lines) {
    if (line.note) continue;
    for (let i = 0; i < line.x.length; i++) {
      const last = found[found.length - 1];
      const from = time(line.x[i]);
      if (last && last.x2 === null) last.x2 = from;
      if (last && last.y === line.y[i] && last.x2 === from) last.x2 = null;
      else if (line.y[i] !== null) found.push({ x: from, x2: null, y: line.y[i], c: line.label });
      if (i === line.x.length - 1 && found.length && found[found.length - 1].x2 === null) found[found.length - 1].x2 = from + day;
    }
  }
  return found;
}

const at = (line, x) => (line.axis === null ? x : time(x));

function shown(line, y) {
  if (y === null) return null;
  if (line.kind === "flag") return y ? 1 : 0;
  return line.kind === "moment" ? Date.parse(`${y}Z`) : y;
}

const dates = {
  field: "x", type: "temporal", scale: { type: "utc", nice: false },
  axis: { title: null, grid: false, labelFlush: true, labelOverlap: true },
};

const rows = (panel) => ({
  field: "x", type: "nominal", sort: null,
  axis: { title: null, labels: panel.lines[0].x.length <= 40, ticks: false, labelLimit: 120, labelAngle: -50 },
});

const bands = (colours, hasLegend) => ({
  data: { name: "bands" },
  mark: { type: "rect" },
  encoding: {
    x2: { field: "x2" },
    color: { field: "k", type: "nominal", legend: hasLegend ? { orient: "bottom", title: "regime" } : null, scale: { domain: Object.keys(colours), range: Object.values(colours) } },
  },
});

// Two days that nobody sees, so that all charts have the same dates.
const span = { data: { name: "span" }, mark: { type: "rule", opacity: 0 } };

const moment = (look) => ({
  data: { name: "moment" },
  mark: { type: "rule", strokeDash: [3, 3], color: look.ink },
});

function values(panel, look) {
  const { kind, unit, axis } = panel.lines[0];
  const y = {
    field: "y", type: kind === "moment" ? "temporal" : "quantitative",
    scale: kind === "moment" ? { type: "utc" } : kind === "flag" ? { domain: [-0.08, 1.08], nice: false } : { zero: axis === null, nice: true },
    axis: {
      title: kind === "flag" ? null : unit, tickCount: 5, minExtent: 44,
      ...(kind === "flag" ? { values: [0, 1], labelExpr: "datum.value ? 'yes' : 'no'" } : {}),
    },
  };
  if (axis === null) {
    return [{ data: { name: "points" }, mark: { type: "bar", color: colourOf(0) }, encoding: { y, xOffset: panel.lines.length > 1 ? { field: "c" } : undefined, color: series(panel) } }];
  }
  const step = kind === "flag" || kind === "moment" ? { interpolate: "step-after" } : {};
  const isShort = Math.max(...panel.lines.map((line) => line.x.length)) <= 80;
  return [
    { data: { name: "past" }, mark: { type: "line", strokeWidth: 1.2, strokeDash: [2, 3], color: look.past, clip: true, ...step }, encoding: { y, detail: { field: "c" } } },
    { data: { name: "points" }, mark: { type: "line", strokeWidth: 1.6, clip: true, point: isShort ? { size: 18 } : false, ...step }, encoding: { y, color: series(panel) } },
  ];
}

const series = (panel) => ({
  field: "c", type: "nominal",
  legend: panel.hasLegend ? { orient: "bottom", title: null, labelLimit: 600, columns: 1 } : null,
  scale: { domain: panel.lines.map((line) => line.label), range: panel.lines.map((line) => colourOf(line.place)) },
});

// States in the order of the regimes where they are those, by name otherwise.
function states(panel, classes) {
  const found = new Set(panel.lines[0].y.filter((y) => y !== null));
  const sort = [...found].every((one) => classes.includes(one)) ? classes : "ascending";
  return [{
    data: { name: "points" },
    mark: { type: "rect", clip: true },
    encoding: {
      x2: { field: "x2" },
      y: { field: "y", type: "nominal", sort, axis: { title: null, labelLimit: 90, minExtent: 44 }, scale: { padding: 0.25 } },
      color: { value: colourOf(panel.lines[0].place) },
    },
  }];
}

const config = (look) => ({
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: look.soft, titleColor: look.soft, titleFontWeight: "normal", domainColor: look.soft, tickColor: look.soft,
    gridColor: look.grid, labelFontSize: 11, titleFontSize: 11,
  },
  legend: { labelColor: look.ink },
  title: { color: look.ink, subtitleColor: look.soft, fontSize: 15, subtitleFontSize: 12, subtitlePadding: 6, offset: 12 },
});
