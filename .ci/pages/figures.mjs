// Checks of one figure at a time: what it shows, how it is used, and what it gives to download.

import { readFileSync } from "node:fs";
import { contrast } from "./contrast.mjs";
import { fail } from "./outcome.mjs";

const points = (figure) => (figure.kind === "heat"
  ? figure.cells.flat().length
  : figure.series.reduce((sum, series) => sum + series.x.length, 0));

export const isEmpty = (figure) => figure.kind !== "heat" && !figure.series.some((s) => s.y.some((y) => y !== null));

// Fields of CSV, quoted or not.
export function parse(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    if (end === "" && quoted === undefined && plain === "") break;
    rows[rows.length - 1].push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "\r\n") rows.push([]);
  }
  return rows.filter((row) => row.length > 0);
}

async function hash(place) {
  return place.locator("canvas").first().evaluate((canvas) => canvas.toDataURL());
}

// Something is drawn, it has a description, and its axes have names.
export async function checkDrawing(where, place, figure) {
  const label = await place.locator('[role="img"], table').first().getAttribute("aria-label").catch(() => null);
  if (!label?.includes(figure.title)) fail(where, `is described as ${label}`);
  if (isEmpty(figure)) return;
  if (figure.kind === "heat") {
    const cells = await place.locator("td:not(:empty)").allTextContents();
    if (cells.length !== points(figure)) fail(where, `shows ${cells.length} cells instead of ${points(figure)}`);
    const text = await place.textContent();
    for (const axis of [figure.x, figure.y, figure.value]) if (!text.includes(axis.label)) fail(where, `does not name ${axis.label}`);
    return;
  }
  const canvas = await place.locator("canvas").first().evaluate((it) => {
    const { data } = it.getContext("2d").getImageData(0, 0, it.width, it.height);
    let inked = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) inked += 1;
    return { inked: inked / (data.length / 4), texts: [...(it.texts || [])], paper: getComputedStyle(document.body).backgroundColor };
  });
  if (canvas.inked < 0.002) fail(where, "is blank");
  for (const axis of [figure.x, figure.y]) {
    const title = canvas.texts.find(([text]) => text.startsWith(axis.label.slice(0, 8)));
    if (!title) fail(where, `the axis ${axis.label} has no title`);
    if (!label.includes(axis.label)) fail(where, `the description leaves out ${axis.label}`);
  }
  for (const [text, ink] of canvas.texts) {
    const ratio = contrast(ink, canvas.paper);
    if (ratio < 4.5) fail(where, `contrast of "${text}" is ${ratio.toFixed(2)}`);
  }
}

// Series are toggled by keyboard, and values are read by mouse, keyboard and finger.
export async function checkUse(where, page, place, figure) {
  if (figure.kind === "heat" || isEmpty(figure)) return;
  const entries = place.locator(".legend button");
  if (await entries.count() !== figure.series.length) fail(where, "the legend does not have every series");
  const names = await place.locator(".legend .name").allTextContents();
  figure.series.forEach((series, i) => {
    if (names[i] !== series.name) fail(where, `the legend says ${names[i]} instead of ${series.name}`);
  });

  // The last one lies on top.
  const filled = figure.series.findLastIndex((s) => s.y.some((y) => y !== null));
  const entry = entries.nth(filled);
  const before = await hash(place);
  await entry.focus();
  for (const [key, pressed] of [["Space", "false"], ["Enter", "true"]]) {
    await page.keyboard.press(key);
    await page.waitForTimeout(30);
    if (await entry.getAttribute("aria-pressed") !== pressed) fail(where, `${key} does not toggle a series`);
    const same = await hash(place) === before;
    if (pressed === "false" && same) fail(where, "a series that is off is still drawn");
  }
  await entry.blur();

  const values = async () => (await place.locator(".value").allTextContents()).filter((text) => /\d/.test(text)).length;
  const over = place.locator(".u-over");
  const box = await over.boundingBox();
  const known = figure.series[filled];
  const at = known.x[Math.floor(known.x.length / 2)];
  const read = async (how) => {
    await page.waitForTimeout(30);
    if (await values() === 0) fail(where, `${how} shows no values`);
    if (!/\d/.test(await place.locator(".at").textContent())) fail(where, `${how} does not show where`);
  };
  let shown = false;
  // A series may have a single point, which only a cursor next to it reads.
  for (let share = 0.02; share < 1 && !shown; share += 0.02) {
    await over.hover({ position: { x: box.width * share, y: box.height / 2 } });
    shown = await values() > 0;
  }
  await read(`hovering (one value lies at ${at})`);
  await page.mouse.move(0, 0);
  if (await values() > 0) fail(where, "values stay when the mouse has gone");

  await place.locator(".frame").focus();
  await page.keyboard.press("Home");
  for (let i = 0; i < 100 && await values() === 0; i += 1) await page.keyboard.press("ArrowRight");
  await read("the arrow key");
  await page.keyboard.press("Escape");
}

async function download(page, place, name) {
  const [given] = await Promise.all([page.waitForEvent("download", { timeout: 20000 }), place.getByRole("button", { name: new RegExp(`^${name} of `) }).click()]);
  return { name: given.suggestedFilename(), data: readFileSync(await given.path()) };
}

// The table has every point, and the image is large enough for a slide.
export async function checkDownloads(where, page, place, figure) {
  if (isEmpty(figure)) return;
  const csv = await download(page, place, "Data");
  if (!csv.name.endsWith(".csv")) fail(where, `the table is called ${csv.name}`);
  const [head, ...rows] = parse(csv.data.toString());
  if (rows.length !== points(figure)) fail(where, `the table has ${rows.length} rows instead of ${points(figure)}`);
  const text = (value) => (typeof value === "string" && /^[=+\-@]/.test(value) ? `'${value}` : String(value ?? ""));
  const nines = (x) => (figure.x.scale === "nines" ? Number((1 - 1 / x).toPrecision(12)) : x);
  const expected = figure.kind === "heat"
    ? figure.cells.flatMap((row, i) => row.map((cell, j) => [figure.y.values[i], figure.x.values[j], cell]))
    : figure.series.flatMap((s) => s.x.map((x, i) => [s.name, nines(x), s.y[i], ...(head.includes("low") ? [s.low?.[i], s.high?.[i]] : [])]));
  const wrong = expected.findIndex((row, i) => JSON.stringify(row.map(text)) !== JSON.stringify(rows[i]));
  if (wrong >= 0) fail(where, `row ${wrong + 1} is ${rows[wrong]} instead of ${expected[wrong]}`);

  const png = await download(page, place, "PNG");
  const [width, height] = [png.data.readUInt32BE(16), png.data.readUInt32BE(20)];
  if (png.data.toString("latin1", 1, 4) !== "PNG" || width < 900 || height < 200) fail(where, `the image is ${width} by ${height}`);
  return png.data;
}
