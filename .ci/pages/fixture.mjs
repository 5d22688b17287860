// `fixture.mjs ASSETS FOLDER`: writes pages as `hopwise report` does, from figures that are made up.
// `all-charts.html` has every kind of chart, `many-series.html` twelve charts of 20 series.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const HOSTILE = "</script><img src=x onerror=alert(1)>";
const range = (count, each) => Array.from({ length: count }, (_, i) => each(i));

// Always the same numbers: a page that once failed can be made again.
let state = 1;
function random() {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
}

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function percentiles(median, tail, count) {
  const x = range(count, (i) => 10 ** ((5 * i) / (count - 1)));
  return { x, y: x.map((inverse) => median * (0.5 + 0.5 * inverse ** tail) * (1 + 0.02 * random())) };
}

function overTime(count, period, value) {
  const x = range(count, (i) => i * period);
  return { x, y: x.map(value) };
}

function hops(mean, most) {
  const x = range(most + 1, (i) => i);
  const raw = x.map((h) => Math.exp(-((h - mean) ** 2) / 4));
  const sum = raw.reduce((a, b) => a + b);
  return { x, y: raw.map((p) => (100 * p) / sum) };
}

const time = { label: "Time", unit: "s", scale: "linear" };
const crash = [{ x: 20, to: null, label: "crash of 30 %" }, { x: 32, to: 45, label: "partition" }, { x: 34, to: null, label: "join of 100 nodes" }];
const dip = (x) => (x > 20 && x < 40 ? Math.exp(-(x - 20) / 6) : 0);
const sizes = [1000, 3000, 10000, 30000, 100000];

function allCharts() {
  const size = overTime(61, 1, (x) => 100 - 9 * dip(x) - 0.4 * random());
  return [
    {
      id: "latency", title: "Latency of lookups", kind: "curves", note: "From the intended start to the answer.",
      x: { label: "Percentile", unit: "", scale: "nines" }, y: { label: "Latency", unit: "ms", scale: "log" },
      series: [
        { name: "ring, recursive", style: "line", dashed: false, color: 0, ...percentiles(0.8, 0.24, 200) },
        { name: "ring, iterative", style: "line", dashed: false, color: 1, ...percentiles(1.7, 0.3, 150) },
        { name: "central", style: "line", dashed: true, color: 2, ...percentiles(0.3, 0.55, 80) },
        { name: HOSTILE, style: "line", dashed: false, color: 3, ...percentiles(20, 0.6, 90) },
      ],
    },
    {
      id: "hops", title: "Hops of lookups", kind: "curves", note: "The curve is what a static ring of this size needs.",
      x: { label: "Hops", unit: "", scale: "linear" }, y: { label: "Share of lookups", unit: "%", scale: "linear" },
      series: [
        { name: "recursive", style: "bars", dashed: false, color: 0, ...hops(5.2, 11) },
        { name: "iterative", style: "bars", dashed: false, color: 1, ...hops(6, 13) },
        { name: "theory", style: "line", dashed: true, color: 6, ...hops(5.5, 13) },
      ],
    },
    {
      id: "lookups", title: "Lookups completed", kind: "curves", x: time, y: { label: "Lookups", unit: "1/s", scale: "linear" },
      series: [
        { name: "completed", style: "line", dashed: false, color: 0, ...overTime(61, 1, (x) => 12000 - 7000 * dip(x) + 300 * random()) },
        { name: "failed", style: "line", dashed: false, color: 1, ...overTime(61, 1, (x) => 2500 * dip(x)) },
        { name: "shed", style: "line", dashed: false, color: 4, x: [0, 10, 20, 30, 40, 50, 60], y: [0, 0, null, 900, 300, 0, 0] },
      ],
      marks: crash,
    },
    {
      id: "nodes", title: "Live nodes", kind: "curves", x: time, y: { label: "Nodes", unit: "", scale: "linear" },
      series: [
        { name: "live", style: "steps", dashed: false, color: 2, x: [0, 20, 34, 60], y: [1024, 717, 817, 817] },
        { name: "suspected", style: "area", dashed: false, color: 3, ...overTime(31, 2, (x) => 300 * dip(x)) },
      ],
      marks: crash,
    },
    {
      id: "correct", title: "Correct answers", kind: "curves", note: "Mean of ten seeds, with its 95 % confidence interval.",
      x: time, y: { label: "Correct", unit: "%", scale: "linear" },
      series: [{
        name: "ring", style: "line", dashed: false, color: 0, ...size,
        low: size.y.map((y) => y - 0.8 - 0.1 * (100 - y)), high: size.y.map((y) => Math.min(100, y + 0.6)),
      }],
      marks: crash,
    },
    {
      id: "growth", title: "Messages by number of nodes", kind: "curves",
      x: { label: "Nodes", unit: "", scale: "log" }, y: { label: "Messages per lookup", unit: "", scale: "log" },
      series: [
        { name: "ring", style: "points", dashed: false, color: 0, x: sizes, y: sizes.map((n) => Math.log2(n) / 2), low: sizes.map((n) => Math.log2(n) / 2.4), high: sizes.map((n) => Math.log2(n) / 1.7) },
        { name: "flood", style: "points", dashed: false, color: 1, x: sizes, y: sizes.map((n) => n / 3) },
        { name: "½ log₂ N", style: "line", dashed: true, color: 6, x: sizes, y: sizes.map((n) => Math.log2(n) / 2) },
      ],
    },
    {
      id: "bandwidth", title: "Maintenance traffic", kind: "curves", x: time, y: { label: "Bytes per node", unit: "B/s", scale: "linear" },
      series: range(20, (n) => ({ name: `result ${n + 1}, base ${2 ** (1 + (n % 4))}`, style: "line", dashed: false, color: n % 8, ...overTime(120, 0.5, (x) => 900 + 180 * n + 2000 * dip(x) + 90 * random()) })),
    },
    {
      id: "spread", title: "Hops of twenty results", kind: "curves", x: { label: "Hops", unit: "", scale: "linear" }, y: { label: "Share of lookups", unit: "%", scale: "linear" },
      series: range(6, (n) => ({ name: `result ${n + 1}`, style: "bars", dashed: false, color: n, ...hops(4 + 0.4 * n, 12) })),
    },
    {
      id: "failed", title: "Failed lookups", kind: "heat", note: "By loss of messages and number of successors.",
      x: { label: "Successors", unit: "", values: [2, 4, 8, 16, 32] }, y: { label: "Loss", unit: "%", values: [0, 1, 2, 5, 10, 20] },
      value: { label: "Failed", unit: "%" },
      cells: range(6, (i) => range(5, (j) => (i === 5 && j === 0 ? null : Math.round(1e4 * (0.002 + (i + 1) ** 2.2 / 2 ** j)) / 1e4))),
    },
    {
      id: "stretch", title: `Latency, ${HOSTILE}`, kind: "heat",
      x: { label: "Origin", unit: "", values: ["Frankfurt", "São Paulo", "Tokyo", "=SUM(A1)", "<b>Oslo</b>"] },
      y: { label: "Owner", unit: "", values: ["Frankfurt", "São Paulo", "Tokyo", "Virginia", "Mumbai"] },
      value: { label: "Latency", unit: "ms" },
      cells: range(5, (i) => range(5, (j) => (i === j ? 4 : 60 + 45 * Math.abs(i - j) + 3 * i))),
    },
    {
      id: "nothing", title: "Joins", kind: "curves", x: time, y: { label: "Joins", unit: "1/s", scale: "linear" },
      series: [{ name: "joins", style: "line", dashed: false, color: 0, x: [], y: [] }],
    },
    {
      id: "lone", title: "Pauses", kind: "curves", x: time, y: { label: "Pause", unit: "ms", scale: "linear" },
      series: [
        { name: "one point", style: "line", dashed: false, color: 0, x: [12], y: [1834] },
        { name: "with gaps", style: "line", dashed: false, color: 1, x: range(40, (i) => 1.5 * i), y: range(40, (i) => (i % 4 === 3 ? null : 4000 + 50 * i)) },
        { name: "none", style: "steps", dashed: false, color: 2, x: [], y: [] },
      ],
      marks: [{ x: 5, to: null, label: HOSTILE }],
    },
  ];
}

function manySeries() {
  return range(12, (chart) => ({
    id: `chart-${chart}`, title: `Chart ${chart + 1}`, kind: "curves",
    x: chart % 2 ? time : { label: "Percentile", unit: "", scale: "nines" }, y: { label: "Latency", unit: "ms", scale: chart % 2 ? "linear" : "log" },
    series: range(20, (n) => ({
      name: `result ${n + 1}`, style: "line", dashed: false, color: n % 8,
      ...(chart % 2 ? overTime(300, 1 + n / 1000, () => 5 + n + 2 * random()) : percentiles(1 + n, 0.2 + n / 50, 150 + n)),
    })),
  }));
}

function page(title, figures, assets) {
  const asset = (name) => readFileSync(join(assets, name), "utf8");
  const json = JSON.stringify(figures).replaceAll("<", "\\u003c");
  const figure = ({ id, title: name, note }) => `<figure class="chart" id="figure-${id}"><figcaption><h3>${escape(name)}</h3><p>${escape(note || "")}</p></figcaption><div class="plot"></div></figure>`;
  const facts = [["Lookups", "1,234,567", ""], ["Correct", "99.98", "%"], ["Median latency", "0.82", "ms"], ["99th percentile", "4.10", "ms"], ["Mean hops", "5.21", ""], ["Maintenance", "1.2", "KiB/s"]];
  const columns = range(14, (i) => `seed ${i + 1}`);
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:">
<title>${escape(title)}</title>
<style>${asset("uPlot.min.css")}</style><style>${asset("page.css")}</style></head>
<body><header><h1>${escape(title)}</h1><div id="theme"></div><p class="muted">1,024 nodes, ring, UDP, seed 1. ${escape(HOSTILE)}</p></header>
<nav id="contents" aria-label="Contents"><ul><li><a href="#summary">Summary</a></li><li><a href="#charts">Charts</a></li><li><a href="#results">Results</a></li><li><a href="#scenario">Scenario</a></li></ul></nav>
<main>
<section id="summary"><h2>Summary</h2><dl class="summary">${facts.map(([name, value, unit]) => `<div class="figure"><dt>${name}</dt><dd>${value} <small>${unit}</small></dd></div>`).join("")}</dl>
<p><span class="good">All expectations held.</span> <span class="bad">One result was interrupted.</span> <span class="muted">Measured for 60 s.</span></p></section>
<section id="charts"><h2>Charts</h2><div class="charts">${figures.map(figure).join("")}</div></section>
<section id="results"><h2>Results</h2><div class="scroll"><table><caption>Figures of each seed</caption><thead><tr><th scope="col">Figure</th>${columns.map((name) => `<th scope="col" class="number">${name}</th>`).join("")}</tr></thead>
<tbody>${["Lookups", "Failed", "Mean hops"].map((name) => `<tr><th scope="row">${name}</th>${columns.map((_, i) => `<td class="number">${(1234567 / (i + 1)).toFixed(1)}</td>`).join("")}</tr>`).join("")}</tbody></table></div></section>
<section id="scenario"><h2>Scenario</h2><details open><summary>As it was run</summary><pre class="scenario">name = "steady"
latency = { model = "constant", one_way = "50ms" }   # constant | uniform | exponential | euclidean | matrix, and so on</pre></details></section>
</main>
<script type="application/json" id="chart-data">${json}</script>
<script>${asset("uPlot.iife.min.js")}</script><script>${asset("page.js")}</script></body></html>
`;
}

const [assets, folder] = process.argv.slice(2);
writeFileSync(join(folder, "all-charts.html"), page("steady: 1,024 nodes", allCharts(), assets));
writeFileSync(join(folder, "many-series.html"), page("20 results", manySeries(), assets));
