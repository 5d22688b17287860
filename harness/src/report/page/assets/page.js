// Draws the charts of a report from the JSON in `#chart-data`, and offers a choice of theme.
//
// Invariant: names and labels come from results and are not trusted. They reach the page only as
// text, attributes and drawings. The page stores nothing and sends nothing.

"use strict";

const THIN = "\u202f";
const TEXT = 12;
const FONT = `px ${getComputedStyle(document.body).fontFamily}`;

function element(tag, attributes = {}, ...children) {
  const drawing = tag === "svg" || tag === "line";
  const made = document.createElementNS(drawing ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function listen(target, kinds, act) {
  for (const kind of kinds.split(" ")) target.addEventListener(kind, act);
}

function button(text, act, attributes) {
  const made = element("button", { type: "button", ...attributes }, text);
  listen(made, "click", act);
  return made;
}

// ---- Numbers and units

// Units that convert: name, size, and from how many on a unit is used.
const LADDERS = [
  [["ns", 1e-9, 1], ["µs", 1e-6, 1], ["ms", 1e-3, 1], ["s", 1, 1], ["min", 60, 10], ["h", 3600, 3], ["d", 86400, 3]],
  ["B", "KiB", "MiB", "GiB", "TiB"].map((name, i) => [name, 1024 ** i, 1]),
];
const PREFIXES = [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3], ["", 0]];

const finite = Number.isFinite;
const titled = (label, unit) => (unit ? `${label} (${unit})` : label || "");

// The unit that shows a value best, and the factor that converts to it. Keeps "/s" in "B/s".
function readable(unit, value) {
  const [name, ...rest] = (unit || "").split(/(?=[/])/);
  const is = ([known]) => known === name;
  const ladder = LADDERS.find((units) => units.some(is));
  if (!ladder) return { unit: unit || "", factor: 1 };
  const own = ladder.find(is);
  const fits = ladder.filter(([, size, least]) => value * own[1] * 1.000001 >= size * least);
  const best = value > 0 ? fits.pop() || ladder[0] : own;
  return { unit: best[0] + rest.join(""), factor: own[1] / best[1], converts: true };
}

// Three digits: 0.0123, 345, 1.2 k, 3.4 M.
function number(value) {
  const size = Math.abs(value);
  if (size > 0 && size < 1e-4) return value.toExponential(1);
  const [prefix, scale] = PREFIXES.find(([, least]) => size >= least * 0.9995);
  const text = String(Number((value / (scale || 1)).toPrecision(3))).replace("-", "−");
  return prefix ? text + THIN + prefix : text;
}

function quantity(value, given) {
  if (!finite(value)) return "–";
  const { unit, factor } = readable(given, Math.abs(value));
  return number(value * factor) + (unit.startsWith("1/") ? unit.slice(1) : unit && THIN + unit);
}

// The share q that lies below, given 1/(1-q).
function percentile(inverse) {
  const decimals = Math.max(0, Math.ceil(Math.log10(inverse) - 1e-9) - 1);
  return Number((100 * (1 - 1 / inverse)).toFixed(decimals)) + THIN + "%";
}

// Labels of even ticks: one prefix, and the decimals that the step needs.
function ticks(values, step) {
  const most = Math.max(...values.map(Math.abs));
  const [prefix, scale] = PREFIXES.find(([, least]) => most >= 10 * least || (most >= least && step >= least));
  const decimals = String(Number((step / (scale || 1)).toPrecision(3))).split(".")[1]?.length;
  return values.map((value) => (value ? (value / (scale || 1)).toFixed(decimals).replace("-", "−") + (prefix && THIN + prefix) : "0"));
}

// ---- Colours: page.css defines them for both themes, and a canvas needs them resolved

const probe = element("span", { hidden: "" });
const resolved = new Map();

function colour(name) {
  if (!resolved.has(name)) {
    probe.style.color = `var(--${name})`;
    resolved.set(name, getComputedStyle(probe).color);
  }
  return resolved.get(name);
}

const channels = (css) => css.match(/[\d.]+/g).map(Number);
const faded = (name, alpha) => `rgba(${channels(colour(name))}, ${alpha})`;

// ---- Curves: what is drawn

// In this order they are drawn.
const LAYERS = ["area", "bars", "steps", "line", "points"];
// More bars side by side cannot be read: they become lines with points.
const MOST_BARS = 4;
// Series of one colour differ by their dashes.
const DASHES = [[], [8, 4], [3, 3], [10, 3, 2, 3], [16, 4], [5, 2], [2, 6]];

const isTime = (figure) => figure.kind === "curves" && figure.x.label === "Time" && figure.x.unit === "s";

function extent(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list || []) {
      if (value < low && value !== null) low = value;
      if (value > high && value !== null) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}

// A linear axis names its unit in the title, a logarithmic one at each tick.
function axisOf(axis, values, given) {
  const nines = axis.scale === "nines";
  const log = nines || axis.scale === "log";
  const best = given || readable(axis.unit, Math.max(0, ...(extent(values) || []).map(Math.abs)));
  const each = log && best.converts;
  const unit = each ? axis.unit : best.unit;
  return {
    nines, log, each, unit,
    // What the places 1, 2, … stand for.
    names: axis.names,
    at: axis.ticks,
    factor: log ? 1 : best.factor,
    label: axis.label || "",
    title: titled(axis.label, nines || each ? "" : unit),
    show: (value) => axis.names?.[value - 1] ?? (nines ? percentile(value) : quantity(value, unit)),
  };
}

// Converts to the units of the axes, and leaves out what a logarithmic axis cannot show.
function prepare(figure, time) {
  const x = axisOf(figure.x, figure.series.map((s) => s.x), isTime(figure) && time);
  const y = axisOf(figure.y, figure.series.flatMap((s) => [s.y, s.high]));
  const crowded = figure.series.filter((s) => s.style === "bars").length > MOST_BARS;
  const convert = (value, axis) => (finite(value) && !(axis.log && value <= 0) ? value * axis.factor : null);
  const seen = {};
  const series = figure.series.map((s, index) => {
    const points = new Map(s.x.map((at, i) => [convert(at, x), [s.y, s.low, s.high].map((list) => convert(list?.[i], y))]));
    points.delete(null);
    const xs = [...points.keys()].sort((a, b) => a - b);
    const column = (n) => xs.map((at) => points.get(at)[n]);
    const ys = column(0);
    const style = crowded && s.style === "bars" ? "line" : s.style;
    const ink = `c${(s.color ?? index) % 8}`;
    const lined = style !== "bars" && style !== "points";
    const look = [ink, s.dashed, lined];
    seen[look] = (seen[look] ?? (s.dashed ? 0 : -1)) + 1;
    return {
      name: s.name, style, ink, lined, x: xs, y: ys, low: column(1), high: column(2),
      banded: Boolean(s.low && s.high),
      dash: lined ? DASHES[seen[look] % DASHES.length] : [],
      dotted: style !== s.style || style === "points" || (xs.length <= 30 && !s.dashed),
      // Points that no line reaches.
      lone: xs.filter((_, i) => !finite(ys[i - 1]) && !finite(ys[i + 1])),
      shown: true,
    };
  });
  const marks = (figure.marks || []).map((mark) => ({ label: mark.label || "", x: mark.x * x.factor, to: finite(mark.to) ? mark.to * x.factor : null }));
  return { x, y, series, marks };
}

function xRange({ x, series, marks }) {
  const range = extent([...series.map((s) => s.x), x.log ? [] : marks.map((mark) => mark.x)]);
  const [low, high] = range || [1, 10];
  if (x.names) return [0.5, x.names.length + 0.5];
  if (x.nines) return [1, Math.max(high, 10)];
  const barred = series.filter((s) => s.style === "bars");
  if (x.log) return barred.length || low === high ? [low / 1.5, high * 1.5] : [low, high];
  const gaps = barred.flatMap((s) => s.x.slice(1).map((at, i) => at - s.x[i]));
  const room = barred.length ? Math.min(...gaps, high - low || 1) : Number(low === high);
  return [low - room / 2, high + room / 2];
}

function yRange({ y, series }) {
  const shown = series.filter((s) => s.shown);
  let [low, high] = extent(shown.flatMap((s) => [s.y, s.low, s.high])) || [1, 10];
  if (y.log) return low < high ? [low / 1.2, high * 1.2] : [low / 2, high * 2];
  // The axis starts at 0 unless that would hide how the values differ.
  const filled = shown.some((s) => s.style === "bars" || s.style === "area");
  if (low > 0 && (filled || low < 0.8 * high || low === high)) low = 0;
  if (low === high) return [0, 1];
  const room = (high - low) * 0.06;
  // No share is above 100 %, and what is 0 lies on the axis.
  return [low && low - room, y.unit === "%" && high <= 100 ? Math.min(high + room, 100 + room / 4) : high + room];
}

// Ticks of a logarithmic axis, `most` at most.
function logTicks(low, high, most, tens) {
  const decades = Math.log10(high / low);
  const factors = tens || decades > 3 ? [1] : decades > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
  const all = [];
  for (let power = Math.floor(Math.log10(low) + 1e-9); 10 ** power <= high * 1.000001; power += 1) {
    all.push(...factors.map((factor) => Number(`${factor}e${power}`)));
  }
  const inside = all.filter((tick) => tick >= low * 0.999999 && tick <= high * 1.000001);
  if (inside.length > most && factors.length > 1) return logTicks(low, high, most, true);
  return inside.filter((_, i) => i % Math.ceil(inside.length / most) === 0);
}

// ---- Curves: how they are drawn

const pen = document.createElement("canvas").getContext("2d");

function widthOf(text) {
  pen.font = TEXT + FONT;
  return pen.measureText(text).width;
}

function shortened(text, room) {
  const letters = [...text];
  if (widthOf(text) <= room) return text;
  while (letters.length > 1 && widthOf(`${letters.join("")}…`) > room) letters.pop();
  return `${letters.join("")}…`;
}

// Places the labels of marks in three rows above the plot, as far as there is room.
function placed(marks, position, left, right) {
  const ends = [-Infinity, -Infinity, -Infinity];
  return [...marks].sort((a, b) => a.x - b.x).flatMap((mark) => {
    const text = shortened(mark.label, (right - left) * 0.8);
    const at = Math.max(left, Math.min(position(mark.x) - 2, right - widthOf(text)));
    const row = ends.findIndex((end) => end + 8 <= at);
    if (row < 0) return [];
    ends[row] = at + widthOf(text);
    return [{ text, at, row }];
  });
}

function paintMarks(u, marks, k) {
  const { ctx, bbox: { left, top, width, height } } = u;
  const { min, max } = u.scales.x;
  const inside = marks.filter((mark) => mark.x <= max && (mark.to ?? mark.x) >= min);
  const position = (x) => u.valToPos(Math.max(min, Math.min(max, x)), "x", true);
  ctx.save();
  ctx.lineWidth = k;
  ctx.strokeStyle = colour("mark");
  ctx.setLineDash([4 * k, 3 * k]);
  for (const mark of inside) {
    const x = Math.round(position(mark.x)) + 0.5;
    ctx.fillStyle = faded("mark", 0.13);
    if (mark.to !== null) ctx.fillRect(x, top, position(mark.to) - x, height);
    ctx.stroke(new Path2D(`M${x} ${top - 3 * k}V${top + height}`));
  }
  Object.assign(ctx, { fillStyle: colour("mark"), textAlign: "left", textBaseline: "bottom", font: Math.round(TEXT * k) + FONT });
  for (const { text, at, row } of placed(inside, (x) => position(x) / k, left / k, (left + width) / k)) {
    ctx.fillText(text, at * k, top - (4 + row * 16) * k);
  }
  ctx.restore();
}

// The intervals of a series: a band along a line, else a stroke at each point.
function paintIntervals(u, s, k) {
  const { ctx } = u;
  const at = (i, list) => [u.valToPos(s.x[i], "x", true), u.valToPos(list[i], "y", true)];
  const runs = [[]];
  s.x.forEach((_, i) => {
    if (s.low[i] === null || s.high[i] === null) runs.push([]);
    else runs[runs.length - 1].push(i);
  });
  ctx.save();
  ctx.beginPath();
  ctx.rect(...["left", "top", "width", "height"].map((side) => u.bbox[side]));
  ctx.clip();
  Object.assign(ctx, { strokeStyle: colour("ink"), lineWidth: k, fillStyle: faded(s.ink, 0.22) });
  for (const run of runs) {
    if (!s.lined) ctx.stroke(new Path2D(run.map((i) => `M${at(i, s.low)}L${at(i, s.high)}`).join("")));
    else if (run.length) {
      const edge = (list) => run.flatMap((i, n) => (s.style === "steps" && n ? [[at(i, list)[0], at(run[n - 1], list)[1]], at(i, list)] : [at(i, list)]));
      ctx.fill(new Path2D(`M${edge(s.high)} ${edge(s.low).reverse()}Z`));
    }
  }
  ctx.restore();
}

// Bars of several series stand side by side.
function bars(place, count) {
  return (u, index, from, to) => uPlot.orient(u, index, (_, xs, ys, scaleX, scaleY, atX, atY, left, top, width, height) => {
    const path = new Path2D();
    const y = (value) => atY(value, scaleY, height, top);
    const x = xs.map((value) => atX(value, scaleX, width, left));
    const own = x.filter((_, i) => u.series.some((s, n) => s.bars && u.data[n][i] !== undefined));
    const column = Math.min(width / 3, ...own.slice(1).map((at, i) => at - own[i])) * 0.84;
    const bar = column / count;
    const base = y(Math.max(scaleY.min, 0));
    for (let i = from; i <= to; i += 1) {
      if (finite(ys[i])) path.rect(x[i] - column / 2 + bar * place, y(ys[i]), Math.max(bar * 0.94, 1), base - y(ys[i]));
    }
    return { stroke: path, fill: path, clip: null, band: null, gaps: null, flags: 0 };
  });
}

// The index of the next value after or before `i`, or -1. At points of other series it is undefined.
function beside(values, i, step) {
  let at = i + step;
  while (at >= 0 && at < values.length && values[at] === undefined) at += step;
  return at < values.length ? at : -1;
}

// The index of the value at the cursor: between its points, a line has the nearest one, steps the
// last one, and bars and points none.
function nearest(values, near, style) {
  if (values[near] !== undefined) return near;
  const [left, right] = [beside(values, near, -1), beside(values, near, 1)];
  if (style === "bars" || style === "points" || left < 0 || right < 0) return null;
  return style === "steps" || near - left <= right - near ? left : right;
}

// Draws a chart, `scale` times as large. Without `live` it has no cursor.
function plot(shape, { width, height, scale, target, live }) {
  const { x, y, series, marks } = shape;
  const k = scale * devicePixelRatio;
  const px = (size) => Math.round(size * scale);
  const font = px(TEXT) + FONT;
  const [low, high] = xRange(shape);
  const rows = (right) => {
    const guess = placed(marks, (at) => 60 + ((at - low) / (high - low)) * (right - 60), 60, right);
    return Math.max(0, ...guess.map(({ row }) => row + 1));
  };
  const order = series.map((_, i) => i).sort((a, b) => LAYERS.indexOf(series[a].style) - LAYERS.indexOf(series[b].style));
  const sorted = order.map((index) => series[index]);
  const barred = sorted.filter((s) => s.style === "bars");
  const whole = series.every((s) => s.x.every(Number.isInteger));

  const axis = (of, vertical) => {
    const names = of.names?.map((name) => shortened(name, 150));
    const filter = (_, splits) => splits;
    const lines = (name) => ({ filter, stroke: () => colour(name), width: scale });
    const room = (u) => Math.max(2, (vertical ? u.bbox.height / 28 : u.bbox.width / 60) / k);
    return {
      filter, font, labelFont: font,
      label: (own) => shortened(of.title, (vertical ? own.height : own.width) / scale - 60),
      labelSize: px(20),
      labelGap: px(2),
      gap: px(4),
      stroke: () => colour("muted"),
      grid: lines("grid"),
      ticks: { ...lines("line"), size: px(4) },
      border: { ...lines("line"), show: !vertical },
      space: px(vertical ? 36 : 64),
      size: vertical ? (_, values) => px(Math.max(20, ...(values || []).map(widthOf)) + 10) : px(names ? 16 + 0.8 * Math.max(...names.map(widthOf)) : 26),
      rotate: names ? 55 : 0,
      incrs: !vertical && whole ? [...Array(24).keys()].map((i) => [1, 2, 5][i % 3] * 10 ** (i / 3 | 0)) : undefined,
      splits: names ? () => names.map((_, i) => i + 1) : of.at ? () => of.at.map((tick) => tick * of.factor) : of.log ? (u, _, from, to) => logTicks(from, to, room(u), of.nines) : undefined,
      values: (_, splits, __, ___, step) => names || (of.log || of.at ? splits.map(of.nines || of.each ? of.show : number) : ticks(splits, step)),
    };
  };

  const drawn = sorted.map((s) => {
    const ink = () => colour(s.ink);
    const points = (_, index) => [...shape.data[0].keys()].filter((i) => finite(shape.data[index][i]) && (s.dotted || s.lone.includes(shape.data[0][i])));
    const dotted = s.style === "points" || (s.style === "line" && (s.dotted || s.lone.length));
    const paths = { bars: bars(barred.indexOf(s), barred.length), steps: uPlot.paths.stepped({ align: 1 }), points: () => null };
    return {
      show: s.shown,
      stroke: ink,
      width: s.lined ? (series.length > 8 ? 1.25 : 2) * scale : 0,
      dash: s.dash.map((length) => length * scale),
      bars: s.style === "bars",
      paths: paths[s.style] || uPlot.paths.linear(),
      fill: { bars: () => faded(s.ink, 0.75), area: () => faded(s.ink, 0.22) }[s.style],
      fillTo: (own) => (y.log ? own.scales.y.min : 0),
      points: { show: Boolean(dotted), filter: dotted ? points : null, size: (s.style === "points" ? 7 : 5) * scale, width: 0, stroke: ink, fill: ink },
    };
  });

  // A gap in a series reaches to its own neighbours (2: expand), past the points of other series.
  shape.data ??= uPlot.join(sorted.map((s) => [s.x, s.y]), sorted.map(() => [0, 2]));
  const u = new uPlot({
    width, height,
    padding: [(own) => px(8 + rows(own.width / scale - 16) * 16), px(x.nines ? 28 : 16), 0, 0],
    legend: { show: false },
    focus: { alpha: 0.2 },
    cursor: live ? {
      y: false,
      drag: { x: false, y: false },
      points: { size: 7, width: 1, stroke: () => colour("paper"), fill: (_, i) => colour(sorted[i - 1].ink) },
      focus: { prox: series.length > 6 ? 18 : -1 },
      dataIdx: (_, index, near) => nearest(shape.data[index], near, sorted[index - 1]?.style),
      sync: live.time ? { key: "time", setSeries: false, scales: ["x", null] } : undefined,
    } : { show: false },
    scales: {
      x: { time: false, distr: x.log ? 3 : 1, range: () => [low, high] },
      y: { distr: y.log ? 3 : 1, range: () => yRange(shape) },
    },
    axes: [axis(x, false), axis(y, true)],
    series: [{}, ...drawn],
    hooks: {
      drawAxes: [(own) => {
        paintMarks(own, marks, k);
        for (const s of series) if (s.shown && s.banded && s.lined) paintIntervals(own, s, k);
      }],
      draw: [(own) => {
        for (const s of series) if (s.shown && s.banded && !s.lined && barred.length < 2) paintIntervals(own, s, k);
      }],
      setCursor: live ? [(own) => live.read(own, order)] : [],
      setSeries: live ? [(_, index, change) => "focus" in change && live.near(order[index - 1])] : [],
    },
  }, shape.data, target);
  return { u, order };
}

// ---- Curves: the figure

// The sample of a series in legends is a line: its width, where it starts and ends, and its caps.
const sample = (s) => ({ bars: [12, 5, 17, "butt"], points: [8, 11, 11.1, "round"] }[s.style] || [2.5, 0, 22, "butt"]);

function swatch(s) {
  const [width, from, to, cap] = sample(s);
  const svg = element("svg", { width: 22, height: 12, "aria-hidden": true }, element("line", {
    x1: from, x2: to, y1: 6, y2: 6, "stroke-width": width, "stroke-linecap": cap, "stroke-dasharray": s.dash.map((d) => d * 0.7),
  }));
  svg.style.stroke = `var(--${s.ink})`;
  return svg;
}

function describe(figure, { x, y, series, marks }) {
  const scale = (axis, lists) => `${axis.label} from ${extent(lists).map(axis.show).join(" to ")}${axis.log && !axis.nines ? ", logarithmic" : ""}.`;
  const noted = marks.map((mark) => `${mark.label} at ${x.show(mark.x)}${mark.to === null ? "" : ` to ${x.show(mark.to)}`}`);
  return [
    `${figure.title}.`,
    `Horizontal: ${scale(x, series.map((s) => s.x))}`,
    `Vertical: ${scale(y, series.map((s) => s.y))}`,
    `${series.length} series: ${series.map((s) => s.name).join(", ")}.`,
    noted.length ? `Marks: ${noted.join("; ")}.` : "",
    "Arrow keys read the values.",
  ].join(" ");
}

function curves(figure, place, time) {
  const shape = prepare(figure, time);
  const { series } = shape;
  if (!extent(series.map((s) => s.y))) {
    place.append(element("p", { class: "muted", role: "img", "aria-label": `${figure.title}: no data.` }, "No data."));
    return { place };
  }
  let u, order, drawnWidth;
  const frame = element("div", { class: "frame", role: "img", tabindex: "0", "aria-label": describe(figure, shape) });
  const at = element("span", { class: "at" });
  const spoken = element("span", { class: "unseen", "aria-live": "polite" });

  const show = (index, shown) => {
    series[index].shown = shown;
    entries[index].setAttribute("aria-pressed", shown);
    u.setSeries(order.indexOf(index) + 1, { show: shown });
  };
  const fadeOthers = (index) => u?.setSeries(series[index]?.shown ? order.indexOf(index) + 1 : null, { focus: true }, false);
  const values = series.map(() => element("span", { class: "value" }));
  const entries = series.map((s, index) => {
    const entry = button("", () => {
      show(index, !s.shown);
      fadeOthers(index);
    }, { "aria-pressed": true });
    entry.append(swatch(s), element("span", { class: "name", title: s.name }, s.name), values[index]);
    listen(entry, "pointerenter focus", () => fadeOthers(index));
    listen(entry, "pointerleave blur", () => fadeOthers());
    return entry;
  });

  const live = {
    time: isTime(figure),
    near: (index) => entries.forEach((entry, i) => entry.classList.toggle("near", i === index)),
    read(own) {
      const { idx, idxs } = own.cursor;
      const none = !finite(idx);
      at.textContent = none ? "" : `${shape.x.label} ${shape.x.show(shape.data[0][idx])}`;
      order?.forEach((index, n) => {
        const { x, y, low, high } = series[index];
        const i = x.indexOf(shape.data[0][idxs[n + 1]]);
        const ends = [low[i], high[i]].filter(finite).map(shape.y.show);
        values[index].textContent = none ? "" : shape.y.show(y[i]) + (ends.length ? ` [${ends.join(", ")}]` : "");
      });
    },
  };
  const move = (left) => u.setCursor({ left, top: 10 }, true, true);

  listen(frame, "blur", () => move(-10));
  listen(frame, "keydown", (event) => {
    const end = u.over.clientWidth;
    const step = end / Math.min(100, shape.data[0].length);
    const now = u.cursor.left;
    const to = { ArrowLeft: now - step, ArrowRight: now + step, Home: 0, End: end }[event.key];
    if (event.key === "Escape") move(-10);
    if (to === undefined) return;
    event.preventDefault();
    move(Math.max(0, Math.min(end, to)));
    const read = series.flatMap((s, i) => (s.shown ? [`${s.name} ${values[i].textContent}`] : []));
    spoken.textContent = `${at.textContent}: ${read.join(", ")}`;
  });

  // A figure in a closed `details` has no width yet.
  const fit = (width) => {
    if (!width || width === drawnWidth) return;
    drawnWidth = width;
    const size = { width, height: Math.round(Math.max(230, Math.min(340, width * 0.52))) };
    if (u) {
      u.setSize(size);
      return;
    }
    ({ u, order } = plot(shape, { ...size, scale: 1, target: frame, live }));
    listen(u.over, "pointerenter", () => u.syncRect());
    listen(u.over, "pointerdown pointermove", (event) => {
      if (event.pointerType !== "mouse") move(event.clientX - u.over.getBoundingClientRect().left);
    });
  };

  // One row a point, in the units of the data; a percentile as the share q.
  const rows = () => {
    const banded = figure.series.some((s) => s.low || s.high);
    const x = (value) => (shape.x.nines ? Number((1 - 1 / value).toPrecision(12)) : value);
    const points = figure.series.flatMap((s) => s.x.map((value, i) => [s.name, x(value), s.y[i], s.low?.[i], s.high?.[i]]));
    const head = ["series", titled(figure.x.label, figure.x.unit), titled(figure.y.label, figure.y.unit), "low", "high"];
    return [head, ...points].map((row) => row.slice(0, banded ? 5 : 3));
  };

  // As large on every screen.
  const image = async () => {
    const scale = 2 / devicePixelRatio;
    const copy = plot(shape, { width: 800 * scale, height: 420 * scale, scale, target: element("div") }).u;
    await new Promise((done) => setTimeout(done));
    const shown = series.filter((s) => s.shown);
    const sheet = sheetOf(figure.title, 800, 420 + 22 * Math.ceil(shown.length / 3), (ctx) => {
      ctx.drawImage(copy.ctx.canvas, 0, 0, 800, 420);
      shown.forEach((s, i) => {
        const [left, middle] = [24 + (i % 3) * 256, 434 + Math.floor(i / 3) * 22];
        const [lineWidth, from, to, lineCap] = sample(s);
        Object.assign(ctx, { lineWidth, lineCap, strokeStyle: colour(s.ink) });
        ctx.setLineDash(s.dash.map((d) => d * 0.7));
        ctx.stroke(new Path2D(`M${left + from} ${middle}H${left + to}`));
        ctx.fillText(shortened(s.name, 210), left + 30, middle + 4);
      });
    });
    copy.destroy();
    return sheet;
  };

  const label = `series of ${figure.title}`;
  const all = (series.length > 3 ? ["All", "None"] : []).map((text) => button(text, () => series.forEach((_, i) => show(i, text === "All")), { "aria-label": `${text}: ${label}` }));
  const legend = element("div", { class: series.some((s) => s.banded) ? "legend wide" : "legend", role: "group", "aria-label": label }, ...entries);
  place.append(frame, element("div", { class: "tools" }, at, spoken, ...all, ...downloads(figure, rows, image)), legend);
  return { place, fit, repaint: () => u?.redraw(false, false) };
}

// ---- Heat maps: a table whose cells are coloured

function heat(figure, place) {
  const { x, y, value, cells } = figure;
  const [low, high] = extent(cells) || [0, 1];
  const log = low > 0 && high / low > 50;
  const { unit, factor } = readable(value.unit, Math.max(Math.abs(low), Math.abs(high)));
  const show = (cell) => (finite(cell) ? number(cell * factor) : "–");
  const heading = (text, scope, colspan = 1) => element("th", { scope, colspan }, finite(text) ? number(text) : text);
  const [across, down, shown] = [titled(x.label, x.unit), titled(y.label, y.unit), titled(value.label, unit)];
  const kind = log ? ", logarithmic" : "";
  const range = `${show(low)} to ${show(high)}`;
  const label = `${figure.title}. ${shown} from ${range}${kind}, by ${down} (rows) and ${across} (columns).`;
  const data = cells.map((row) => row.map((cell) => element("td", {}, show(cell))));
  const table = element("table", { class: "heat", "aria-label": label },
    element("thead", {},
      element("tr", {}, element("td"), heading(across, "colgroup", x.values.length)),
      element("tr", {}, heading(down, "col"), ...x.values.map((text) => heading(text, "col")))),
    element("tbody", {}, ...data.map((row, i) => element("tr", {}, heading(y.values[i], "row"), ...row))));
  const ramp = element("span", { class: "ramp" });
  const key = element("span", { class: "key" }, shown + kind, element("span", {}, show(low), ramp, show(high)));

  const repaint = () => {
    const stops = ["heat0", "heat1", "heat2"].map(colour);
    ramp.style.background = `linear-gradient(to right, ${stops})`;
    const scale = log ? Math.log : Number;
    data.forEach((row, i) => row.forEach((cell, j) => {
      if (!finite(cells[i][j])) return;
      const share = low === high ? 1 : 2 * (scale(cells[i][j]) - scale(low)) / (scale(high) - scale(low));
      const [from, to] = (share < 1 ? stops : stops.slice(1)).map(channels);
      const rgb = from.map((c, n) => Math.round(c + (to[n] - c) * (share < 1 ? share : share - 1)));
      const [r, g, b] = rgb.map((c) => (c / 255) ** 2.2);
      cell.style.background = `rgb(${rgb})`;
      // Black or white, whichever can be read better.
      cell.style.color = 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff";
    }));
  };
  const rows = () => [[down, across, titled(value.label, value.unit)], ...cells.flatMap((row, i) => row.map((cell, j) => [y.values[i], x.values[j], cell]))];
  // Copies the table from where the browser has put its cells.
  const image = () => {
    const box = table.getBoundingClientRect();
    return sheetOf(figure.title, Math.max(480, box.width + 40), box.height + 40, (ctx) => {
      ctx.textBaseline = "middle";
      ctx.fillText(`${shown}${kind}: ${range}`, 20, box.height + 22);
      ctx.textAlign = "center";
      ctx.translate(20 - box.left, -box.top);
      for (const cell of table.querySelectorAll("th, td")) {
        const { left, top, width, height } = cell.getBoundingClientRect();
        const { backgroundColor, color } = getComputedStyle(cell);
        ctx.fillStyle = backgroundColor;
        ctx.fillRect(left, top, width, height);
        ctx.fillStyle = color;
        ctx.fillText(cell.textContent, left + width / 2, top + height / 2);
      }
    });
  };
  place.append(element("div", { class: "scroll" }, table), element("div", { class: "tools" }, key, ...downloads(figure, rows, image)));
  repaint();
  return { place, repaint };
}

// ---- Downloads

// A canvas with a title, and what `paint` draws below it.
function sheetOf(title, width, height, paint) {
  const sheet = element("canvas", { width: Math.ceil(width * 2), height: Math.ceil((height + 60) * 2) });
  const ctx = sheet.getContext("2d");
  ctx.scale(2, 2);
  ctx.fillStyle = colour("paper");
  ctx.fillRect(0, 0, width + 1, height + 61);
  ctx.fillStyle = colour("ink");
  ctx.font = `600 16${FONT}`;
  ctx.fillText(shortened(title, (width - 40) * 0.7), 20, 28);
  ctx.font = TEXT + FONT;
  ctx.translate(0, 44);
  paint(ctx);
  return sheet;
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// Spreadsheets take a text that starts with one of `=+-@` for a formula.
function field(value) {
  if (typeof value !== "string") return value ?? "";
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function downloads({ id, title }, rows, image) {
  const csv = () => save(new Blob(rows().map((row) => `${row.map(field)}\r\n`), { type: "text/csv" }), `${id}.csv`);
  const png = async () => (await image()).toBlob((blob) => save(blob, `${id}.png`));
  return [
    button("Data", csv, { "aria-label": `Data of ${title} as CSV` }),
    button("PNG", png, { "aria-label": `PNG of ${title}` }),
  ];
}

// ---- The page

const views = [];

function setTheme(scheme) {
  document.documentElement.style.colorScheme = scheme;
  resolved.clear();
  for (const view of views) view.repaint?.();
}

function offerThemes(place) {
  let chosen = "";
  const buttons = [["Auto", ""], ["Light", "light"], ["Dark", "dark"]].map(([text, scheme]) => button(text, (event) => {
    chosen = scheme;
    setTheme(scheme);
    for (const other of buttons) other.setAttribute("aria-pressed", other === event.currentTarget);
  }, { "aria-pressed": scheme === "" }));
  place?.append(element("div", { role: "group", "aria-label": "Theme" }, ...buttons));
  listen(matchMedia("(prefers-color-scheme: dark)"), "change", () => setTheme(chosen));
  listen(window, "beforeprint", () => setTheme("light"));
  listen(window, "afterprint", () => setTheme(chosen));
}

// Fits charts to the page, whose layout changes with each, and lets the keyboard reach what scrolls.
function fitAll() {
  const widths = views.map(({ place }) => place.clientWidth);
  views.forEach((view, i) => view.fit?.(widths[i]));
  for (const box of document.querySelectorAll(".scroll, pre")) if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
}

function start() {
  document.body.append(probe);
  offerThemes(document.getElementById("theme"));
  const figures = JSON.parse(document.getElementById("chart-data")?.textContent || "[]");
  // All charts over time share one unit, so that their cursors meet.
  const time = readable("s", extent(figures.filter(isTime).flatMap(({ series }) => series.map((s) => s.x)))?.[1]);
  for (const figure of figures) {
    const place = document.getElementById(`figure-${figure.id}`)?.querySelector(".plot");
    if (!place) continue;
    try {
      views.push((figure.kind === "heat" ? heat : curves)(figure, place, time));
    } catch (error) {
      console.error(`figure ${figure.id}:`, error);
      place.append(element("p", { class: "bad" }, "This chart cannot be drawn."));
    }
  }
  fitAll();
  // Sizes must not change while they are observed.
  const resized = new ResizeObserver(() => requestAnimationFrame(fitAll));
  for (const place of [document.body, ...views.map((view) => view.place)]) resized.observe(place);
}

start();
