// Shows a run while it goes on, from the server-sent events of its feed.
//
// Two clocks: the run's, which the page follows a little late so that it knows what comes, and the
// page's own. A slow simulation is drawn by the first one: a message moves as it moves in the run. Real
// nodes, fast simulations and quick messages are too fast to see; there each hop takes HOP on the page's clock.
//
// Invariant: names come from the run and are not trusted. They reach the page only as text. The page
// stores nothing, and sends nothing but the pace that its user chooses.

"use strict";

const HOP = 0.24;
const FADE = 0.7;
const MOVING_MAX = 700;
const POINTS_MAX = 300;
// A message that takes less real time than this is too fast to see.
const SEEN = 0.05;
const LOST = -1;
const THIN = "\u202f";
const CIRCLE = 2 ** 32;
const FONT = getComputedStyle(document.body).fontFamily;

const by = (id) => document.getElementById(id);
const now = () => performance.now() / 1000;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function button(text, act, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", act);
  return made;
}

// Three digits, with a prefix of the unit from 10,000 on.
function number(value, unit = "") {
  if (!Number.isFinite(value)) return "–";
  const [prefix, size] = [["G", 1e9], ["M", 1e6], ["k", 1e3]].find(([, scale]) => Math.abs(value) >= 10 * scale) || ["", 1];
  const text = Number((value / size).toPrecision(3)).toLocaleString("en");
  return prefix || unit ? text + THIN + prefix + unit : text;
}

const inMs = (ms) => (ms < 1 ? number(ms * 1000, "µs") : ms < 1000 ? number(ms, "ms") : number(ms / 1000, "s"));

// ---- Colours, resolved for canvases

const probe = element("span", { hidden: "" });
document.body.append(probe);
let resolved = new Map();

function colour(name) {
  if (!resolved.has(name)) {
    probe.style.color = `var(--${name})`;
    resolved.set(name, getComputedStyle(probe).color);
  }
  return resolved.get(name);
}

const INKS = { lookup: "c0", store: "c0", stabilize: "c2", fix_fingers: "c4", join: "c3", leave: "c1", probe: "c6", copy: "c5", repair: "c7" };

function swatch(text, ink) {
  const made = element("span", { "aria-hidden": "true" }, text);
  made.style.color = `var(--${ink})`;
  return made;
}

// ---- The run

const run = { hello: null, members: new Map(), tables: new Map(), effects: [], moving: [], ends: new Map(), at: 0, heard: 0, shown: 0, command: null, changed: true, over: false };
const hidden = new Set();
let sorted = [];
let selected = null;

const PHASES = { "bring-up": "nodes join", calibrate: "the capacity is measured", warmup: "warm-up", measure: "measured phase", drain: "the last lookups end", serving: "serving clients" };

const rate = () => (run.command?.run === "fastest" ? Infinity : run.command?.run?.times ?? (run.command ? 0 : Infinity));
const timed = () => run.hello.is_simulated && rate() <= 2;
const small = () => run.hello.is_ring && run.members.size <= run.hello.small;

function order() {
  sorted = [...run.members.keys()].sort((a, b) => a - b);
}

// The live member after a position, in the order of the ring.
function after(position, step) {
  const index = sorted.indexOf(position);
  return sorted[(index + step + sorted.length) % sorted.length];
}

function onHello(hello) {
  Object.assign(run, { hello, members: new Map(hello.members.map((at) => [at, 0])), tables: new Map(), effects: [], moving: [], ends: new Map(), command: hello.command, changed: true });
  order();
  document.title = `${hello.title} – live – Hopwise`;
  by("title").textContent = hello.title;
  by("words").textContent = hello.words.join(" ");
  showCourse(hello.layout);
  run.phase = null;
  if (hello.one_in > 1) by("words").append(` One of ${hello.one_in} nodes is drawn.`);
  showKinds();
  showPace();
}

function onFrame(frame) {
  const t = now();
  for (const [kind, at] of frame.changes) {
    if (kind === "joined") {
      run.members.set(at, t);
    } else {
      run.members.delete(at);
      run.tables.delete(at);
    }
    // When a run begins, all nodes join at once.
    if (frame.changes.length < 40) run.effects.push({ at, kind, t });
  }
  if (frame.changes.length) {
    order();
    run.changed = true;
  }
  // A node may have told its tables before it departed.
  for (const table of frame.tables) if (run.members.has(table.node)) run.tables.set(table.node, table);
  if (run.kindsFor !== small()) showKinds();
  Object.assign(run, { at: frame.at, heard: t, phase: frame.phase });
  tellState();
  if (frame.messages.length) enter(frame.messages, t);
  if (selected !== null) tell(selected);
}

// Decides when messages move over the page.
function enter(messages, t) {
  const pace = rate() || run.pausedRate || 1;
  for (const [kind, from, to, sent, arrives, lookup] of [...messages].sort((a, b) => a[3] - b[3])) {
    if (hidden.has(run.hello.classes[kind][0])) continue;
    const lost = arrives === LOST;
    const byClock = timed() && arrives !== null && (lost || (arrives - sent) / pace > SEEN);
    if (byClock) {
      run.moving.push({ kind, from, to, start: sent, end: lost ? sent + HOP * pace : arrives, lost, lookup, byClock });
    } else {
      const start = Math.max(t, lookup === null ? t : run.ends.get(lookup) ?? t);
      if (start > t + 4) continue;
      run.moving.push({ kind, from, to, start, end: start + HOP, lost, lookup, byClock });
      if (lookup !== null) run.ends.set(lookup, start + HOP * 0.9);
    }
  }
  if (run.moving.length > MOVING_MAX) run.moving.splice(0, run.moving.length - MOVING_MAX);
  for (const [lookup, end] of run.ends) if (end < t) run.ends.delete(lookup);
}

// ---- The ring

const canvas = by("ring");
const pen = canvas.getContext("2d");
const still = document.createElement("canvas");
const stillPen = still.getContext("2d");
let size = 0;
let k = 1;

function fit() {
  const width = Math.round(Math.min(canvas.clientWidth, canvas.clientHeight || canvas.clientWidth));
  k = Math.min(devicePixelRatio || 1, 2);
  if (size === width && canvas.width === Math.round(width * k)) return;
  size = width;
  canvas.width = still.width = Math.round(width * k);
  canvas.height = still.height = Math.round(width * k);
  run.changed = true;
}

// The place of a position, `out` radii from the centre.
function place(position, out = 1) {
  const angle = (position / CIRCLE) * 2 * Math.PI - Math.PI / 2;
  const radius = size * 0.43 * out;
  return [size / 2 + radius * Math.cos(angle), size / 2 + radius * Math.sin(angle)];
}

function dot(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

// Nodes, and for a small ring what each of them believes.
function drawStill() {
  const context = stillPen;
  context.setTransform(k, 0, 0, k, 0, 0);
  context.clearRect(0, 0, size, size);
  context.lineWidth = 1;
  context.strokeStyle = colour("line");
  context.beginPath();
  context.arc(size / 2, size / 2, size * 0.43, 0, 2 * Math.PI);
  context.stroke();
  const radius = sorted.length <= 64 ? 5 : sorted.length <= 600 ? 3 : sorted.length <= 2500 ? 2 : 1.4;
  context.fillStyle = colour("muted");
  if (radius > 2.5) {
    for (const at of sorted) dot(context, place(at), radius);
  } else {
    const path = new Path2D();
    // Side by side, dots of a large ring would be a line: they lie in three tracks.
    sorted.forEach((at, i) => {
      const [x, y] = place(at, sorted.length > 1000 ? 1 + ((i % 3) - 1) * 0.012 : 1);
      path.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    });
    context.fill(path);
  }
}

function arrow(context, from, to, bulge, ink, dashed) {
  const [x0, y0] = place(from);
  const [x1, y1] = place(to);
  const half = ((((to - from) % CIRCLE) + CIRCLE) % CIRCLE) / 2;
  const [cx, cy] = place((from + half) % CIRCLE, bulge);
  context.strokeStyle = context.fillStyle = ink;
  context.setLineDash(dashed ? [3, 3] : []);
  context.beginPath();
  context.moveTo(x0, y0);
  context.quadraticCurveTo(cx, cy, x1, y1);
  context.stroke();
  context.setLineDash([]);
  const angle = Math.atan2(y1 - cy, x1 - cx);
  const [tx, ty] = [x1 - 6 * Math.cos(angle), y1 - 6 * Math.sin(angle)];
  context.beginPath();
  context.moveTo(tx, ty);
  for (const turn of [2.6, -2.6]) context.lineTo(tx + 6 * Math.cos(angle + turn), ty + 6 * Math.sin(angle + turn));
  context.fill();
}

function drawTables() {
  pen.lineWidth = 1.3;
  for (const [at, { predecessor, successors }] of run.tables) {
    const next = successors[0];
    if (!hidden.has("successors") && next !== undefined) {
      arrow(pen, at, next, 1.07, colour(next === after(at, 1) ? "good" : "bad"), false);
    }
    if (!hidden.has("predecessors") && predecessor !== null && predecessor !== at) {
      // From the node back to its predecessor, inside the circle.
      const back = ((((at - predecessor) % CIRCLE) + CIRCLE) % CIRCLE) / 2;
      const [x0, y0] = place(at, 0.985);
      const [x1, y1] = place(predecessor, 0.985);
      const [cx, cy] = place((predecessor + back) % CIRCLE, 0.9);
      pen.strokeStyle = colour(predecessor === after(at, -1) ? "line" : "bad");
      pen.setLineDash([3, 3]);
      pen.beginPath();
      pen.moveTo(x0, y0);
      pen.quadraticCurveTo(cx, cy, x1, y1);
      pen.stroke();
      pen.setLineDash([]);
    }
  }
  const table = selected !== null && run.tables.get(selected);
  if (table) {
    pen.strokeStyle = colour("mark");
    for (const finger of table.fingers) {
      pen.beginPath();
      pen.moveTo(...place(selected));
      pen.lineTo(...place(finger));
      pen.stroke();
    }
  }
}

// A point of the way of a message, a curve that bends towards the centre.
function between(from, to, share) {
  const [x0, y0] = place(from);
  const [x1, y1] = place(to);
  const [mx, my] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const pull = Math.min(0.5, (0.9 * Math.hypot(x1 - x0, y1 - y0)) / size);
  const [cx, cy] = [mx + (size / 2 - mx) * pull, my + (size / 2 - my) * pull];
  const rest = 1 - share;
  return [rest * rest * x0 + 2 * rest * share * cx + share * share * x1, rest * rest * y0 + 2 * rest * share * cy + share * share * y1];
}

function drawMessages(t) {
  const left = [];
  for (const message of run.moving) {
    const clock = message.byClock ? run.shown : t;
    const scale = message.byClock ? Math.max(rate() || run.pausedRate || 1, 1e-3) : 1;
    const { from, to, start, end, lost } = message;
    const share = (clock - start) / (end - start);
    const fading = (clock - end) / (FADE * scale);
    if (fading < 1) left.push(message);
    if (share < 0 || fading >= 1) continue;
    const [name, isLookup] = run.hello.classes[message.kind];
    const stop = Math.min(share, lost ? 0.6 : 1);
    pen.globalAlpha = (isLookup ? 0.85 : 0.5) * Math.min(1, 1 - fading);
    pen.strokeStyle = pen.fillStyle = colour(lost ? "bad" : INKS[name] || "c5");
    pen.lineWidth = isLookup ? 1.6 : 1;
    pen.beginPath();
    pen.moveTo(...place(from));
    const pieces = Math.max(1, Math.ceil(stop * 12));
    for (let i = 1; i <= pieces; i += 1) pen.lineTo(...between(from, to, (stop * i) / pieces));
    pen.stroke();
    const head = between(from, to, stop);
    if (share < 1) dot(pen, head, isLookup ? 3.2 : 2.4);
    if (lost && share > 0.6) cross(head, 5);
  }
  pen.globalAlpha = 1;
  run.moving = left;
}

function cross([x, y], arm) {
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x - arm, y - arm);
  pen.lineTo(x + arm, y + arm);
  pen.moveTo(x + arm, y - arm);
  pen.lineTo(x - arm, y + arm);
  pen.stroke();
}

function drawEffects(t) {
  run.effects = run.effects.filter((effect) => t - effect.t < 1.2);
  for (const { at, kind, t: begun } of run.effects) {
    const age = (t - begun) / 1.2;
    const ink = { joined: "good", left: "muted", crashed: "bad" }[kind];
    pen.globalAlpha = 1 - age;
    pen.strokeStyle = pen.fillStyle = colour(ink);
    if (kind === "crashed") {
      cross(place(at), 5);
    } else {
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(...place(at), 3 + 12 * age, 0, 2 * Math.PI);
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
}

let drawnAt = now();

function draw() {
  requestAnimationFrame(draw);
  if (!run.hello || document.hidden) return;
  const t = now();
  const passed = Math.min(t - drawnAt, 0.25);
  drawnAt = t;
  fit();
  follow(t, passed);
  if (run.changed) {
    run.changed = false;
    drawStill();
  }
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(still, 0, 0);
  pen.setTransform(k, 0, 0, k, 0, 0);
  if (small()) drawTables();
  drawMessages(t);
  drawEffects(t);
  if (selected !== null && run.members.has(selected)) {
    pen.lineWidth = 2;
    pen.strokeStyle = colour("mark");
    pen.beginPath();
    pen.arc(...place(selected), 8, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.fillStyle = colour("ink");
  pen.font = `600 ${Math.max(14, Math.round(size / 32))}px ${FONT}`;
  pen.fillText(clockText(timed() ? run.shown : run.at), 2, size - 6);
}

// Lets the clock that is shown follow that of the run.
function follow(t, passed) {
  const pace = rate();
  if (pace > 0) run.pausedRate = Number.isFinite(pace) ? pace : 1;
  const target = Number.isFinite(pace) ? run.at + Math.min(t - run.heard, 0.15) * (run.over ? 0 : pace) : run.at;
  const gap = target - run.shown;
  run.shown = gap < 0 || gap > 3 * Math.max(1, run.pausedRate || 1) ? target : run.shown + gap * Math.min(1, passed / 0.15);
}

const clockText = (s) => (rate() < 0.5 || run.pausedRate < 0.5 ? `${s.toFixed(3)} s` : `${s.toFixed(1)} s`);

// ---- A node by itself

function nearest(x, y) {
  let best = null;
  let least = 20 ** 2;
  for (const at of sorted) {
    const [px, py] = place(at);
    const distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance < least) [best, least] = [at, distance];
  }
  return best;
}

const short = (at) => at.toString(16).padStart(8, "0");

function tell(at) {
  const table = run.tables.get(at);
  let text = `Node ${short(at)}…`;
  if (!run.members.has(at)) text += ", gone";
  else if (table) {
    const predecessor = table.predecessor === null ? "none" : short(table.predecessor);
    const fingers = table.fingers.length ? `${table.fingers.length} fingers beyond them, drawn` : "no fingers beyond them";
    text += `: predecessor ${predecessor}, successors ${table.successors.map(short).join(", ") || "none"}; ${fingers}.`;
  }
  if (by("node").textContent !== text) by("node").textContent = text;
}

canvas.addEventListener("click", (event) => {
  selected = nearest(event.offsetX, event.offsetY);
  if (selected === null) hint();
  else tell(selected);
});

function hint() {
  const text = "A cross is a crash or a lost message, a circle a node that joins (green) or leaves.";
  by("node").textContent = small() ? `${text} Select a node to see its tables.` : text;
}

// ---- What is drawn

function showKinds() {
  run.kindsFor = small();
  const kinds = run.hello.classes.filter(([, isLookup]) => isLookup || run.members.size <= run.hello.small);
  const names = [...new Set(kinds.map(([name]) => name))];
  const tables = small() ? ["successors", "predecessors"] : [];
  by("kinds").replaceChildren(...[...tables, ...names].map((name) => {
    const mark = swatch(name === "predecessors" ? "┄" : "━", { successors: "good", predecessors: "muted" }[name] || INKS[name] || "c5");
    const made = button("", () => {
      hidden[hidden.has(name) ? "delete" : "add"](name);
      made.setAttribute("aria-pressed", String(!hidden.has(name)));
    }, { "aria-pressed": String(!hidden.has(name)) });
    made.append(mark, element("span", { class: "name" }, name.replace("_", " ")));
    return made;
  }));
  hint();
}

// ---- The pace

const PACES = [0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const select = element("select", { id: "rate" }, ...PACES.map((pace) => element("option", { value: pace }, `${pace} ×`)), element("option", { value: "fastest" }, "fastest"));
const pause = button("Pause", () => send(paused() ? { run: chosen() } : "pause"), { class: "main" });

const paused = () => run.command !== null && !run.command.run;
const chosen = () => (select.value === "fastest" ? "fastest" : { times: Number(select.value) });

select.addEventListener("change", () => send({ run: chosen() }));
by("pace").append(
  pause,
  ...[[1, "1 ms"], [10, "10 ms"], [100, "100 ms"], [1000, "1 s"]].map(([ms, name]) => button(`Step ${name}`, () => send({ step: { ms } }))),
  element("label", { for: "rate" }, "simulated seconds per second"),
  select,
);

function send(command) {
  fetch("command", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(command) })
    .then((answer) => { if (!answer.ok) throw new Error(answer.status); })
    .catch(() => state("The pace could not be changed. Try again.", "lost"));
}

function showPace() {
  by("pace").hidden = !run.command || run.over;
  pause.textContent = paused() ? "Run" : "Pause";
  const times = run.command?.run?.times;
  if (run.command?.run) select.value = run.command.run === "fastest" ? "fastest" : String(PACES.includes(times) ? times : 1);
}

// ---- Figures and their course

// The texts of units that are not only written behind a number.
const UNITS = { ms: inMs, "1/s": (value) => `${number(value)}/s`, "": (value) => Math.round(value).toLocaleString("en"), hops: (value) => value.toFixed(2) };

const written = (value, unit) => (Number.isFinite(value) ? (UNITS[unit] || ((it) => number(it, unit)))(value) : "–");

let cells = [];

function cellOf(name) {
  const value = element("dd", {}, "–");
  by("figures").append(element("div", { class: "figure" }, element("dt", {}, name), value));
  return value;
}

class Course {
  constructor({ title, unit, curves }) {
    Object.assign(this, { curves, data: [[], ...curves.map(() => [])] });
    this.box = element("div", { class: "plot", role: "img", "aria-label": `${title} over time` });
    const key = element("p", { class: "key" });
    for (const [name, , ink] of curves) key.append(swatch("━", `c${ink}`), ` ${name}  `);
    const heading = element("h2", {}, title);
    if (unit) heading.append(" ", element("span", { class: "muted" }, `(${unit})`));
    by("course").append(element("section", {}, heading, key, this.box));
    this.draw();
  }

  add(figures) {
    this.data[0].push(figures.at);
    this.curves.forEach(([, index], i) => this.data[i + 1].push(figures.values[index]));
    if (this.data[0].length > POINTS_MAX) for (const column of this.data) column.shift();
    this.plot?.setData(this.data);
  }

  draw() {
    this.plot?.destroy();
    const axis = { stroke: colour("muted"), font: `12px ${FONT}`, grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid") } };
    this.width = this.box.clientWidth;
    this.plot = new uPlot({
      width: this.width,
      height: 110,
      padding: [6, 16, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, size: 28, values: (_, ticks) => ticks.map((tick) => `${tick}${THIN}s`) },
        { ...axis, size: 54, values: (_, ticks) => ticks.map((tick) => number(tick)) },
      ],
      series: [{}, ...this.curves.map(([label, , ink]) => ({ label, stroke: colour(`c${ink}`), width: 1.8, points: { show: () => this.data[0].length === 1 } }))],
    }, this.data, this.box);
  }
}

let charts = [];

function showCourse({ figures, charts: all }) {
  by("figures").replaceChildren();
  by("course").replaceChildren();
  cells = figures.map(({ name }) => cellOf(name));
  charts = all.map((chart) => new Course(chart));
}

function onFigures(figures) {
  const kinds = run.hello.layout.figures;
  kinds.forEach(({ unit }, i) => { cells[i].textContent = written(figures.values[i], unit); });
  for (const chart of charts) chart.add(figures);
  const [live, rate] = figures.values;
  canvas.setAttribute("aria-label", `${written(live, "")} live nodes, drawn by identifier around a circle, and some of their messages. ${kinds[1].name}: ${written(rate, "1/s")}.`);
}

// Says where the run is, unless it was said.
function tellState() {
  const text = paused() ? `Paused at ${clockText(run.at)}` : `Live: ${PHASES[run.phase] || run.phase}`;
  if (by("state").textContent !== text) state(text);
}

function state(text, is = "") {
  by("state").textContent = text;
  by("state").dataset.is = is;
}

// ---- The theme

const THEMES = [["Auto", ""], ["Light", "light"], ["Dark", "dark"]];

function redraw() {
  resolved = new Map();
  run.changed = true;
  for (const chart of charts) chart.draw();
}

const themes = THEMES.map(([name, scheme]) => button(name, () => {
  document.documentElement.style.colorScheme = scheme;
  themes.forEach((it) => it.setAttribute("aria-pressed", String(it.textContent === name)));
  redraw();
}, { "aria-pressed": String(scheme === "") }));
by("theme").append(element("div", { role: "group", "aria-label": "Theme" }, ...themes));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(() => {
  for (const chart of charts) if (chart.box.clientWidth !== chart.width) chart.draw();
}).observe(by("course"));

// ---- The feed

const feed = new EventSource("events");
const on = (name, act) => feed.addEventListener(name, (event) => act(JSON.parse(event.data)));

on("hello", onHello);
on("frame", onFrame);
on("figures", onFigures);
on("pace", (command) => {
  run.command = command;
  showPace();
  tellState();
});
on("end", (verdict) => {
  feed.close();
  run.over = true;
  showPace();
  state(`The run has ended: ${verdict.text}`, verdict.is_good ? "over" : "lost");
});
feed.addEventListener("error", () => {
  if (!run.over) state("The connection is lost. Trying again …", "lost");
});

requestAnimationFrame(draw);
