// `check.mjs CHROMIUM FOLDER PAGE...`: checks pages on a phone and on a wide screen, in both themes.
// Pictures of them are left in FOLDER.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { contrast } from "./contrast.mjs";
import { checkDownloads, checkDrawing, checkUse, isEmpty } from "./figures.mjs";
import { fail, finish } from "./outcome.mjs";
import { spy } from "./spy.mjs";

const MOST_MS = 1000;
const SCREENS = [1440, 390].flatMap((width) => ["light", "dark"].map((theme) => ({ width, theme })));

const [executablePath, folder, ...pages] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
// Containers run as root, which Chromium's sandbox refuses.
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });

async function open(path, { width, theme }, where) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, hasTouch: width < 500, acceptDownloads: true });
  const page = await context.newPage();
  const url = path === "about:blank" ? path : pathToFileURL(path).href;
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && fail(where, `console: ${message.text()}`));
  page.on("pageerror", (error) => fail(where, `error: ${error.message}`));
  page.on("request", (request) => {
    if (!pages.some((known) => pathToFileURL(known).href === request.url()) && !request.url().startsWith("blob:")) fail(where, `asks for ${request.url().slice(0, 100)}`);
  });
  await page.addInitScript(spy);
  await page.goto(url);
  return { context, page };
}

// All figures are drawn in the first frame. Returns the milliseconds until then, and those of the
// processor: another program may have made the page wait, but not work.
async function checkOpening(path, where) {
  const { context, page } = await open("about:blank", { width: 1440, theme: "light" }, where);
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.goto(pathToFileURL(path).href);
  const wall = await page.evaluate(() => new Promise((done) => {
    requestAnimationFrame(() => setTimeout(() => done(performance.now())));
  }));
  const { metrics } = await session.send("Performance.getMetrics");
  await context.close();
  return { wall, work: 1000 * metrics.find(({ name }) => name === "TaskDuration").value };
}

async function checkWhole(page, where, { width, theme }, figures) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over > 0) fail(where, `is ${over} px wider than the screen`);
  const foreign = await page.evaluate(() => [
    window.alerted && "an alert", document.querySelector("img, iframe, object, embed, link") && "foreign elements",
    [...document.querySelectorAll("*")].some((e) => e.getAttributeNames().some((name) => name.startsWith("on"))) && "inline handlers",
    localStorage.length + sessionStorage.length > 0 && "stored data",
  ].filter(Boolean));
  for (const found of foreign) fail(where, `has ${found}`);
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  if ((contrast(dark, "#000000") < 3) !== (theme === "dark")) fail(where, `the background is ${dark}`);

  await page.evaluate(axe);
  const { violations, incomplete } = await page.evaluate(() => window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
  for (const { id, nodes } of violations) for (const node of nodes.slice(0, 3)) fail(where, `${id}: ${node.html.slice(0, 120)}: ${node.failureSummary}`);
  for (const { id, nodes } of incomplete) {
    for (const node of nodes) {
      const ratio = node.any[0]?.data?.contrastRatio;
      if (id === "color-contrast" && ratio && ratio < 4.5) fail(where, `contrast ${ratio}: ${node.html.slice(0, 120)}`);
    }
  }
  if (width === 390) return;

  // The legend and the tools can be pressed by a finger.
  const small = await page.locator("button").evaluateAll((all) => all.filter((b) => b.getBoundingClientRect().height < 24).length);
  if (small > 0) fail(where, `${small} buttons are lower than 24 px`);
  if (figures.length === 0) return;

  const first = page.locator("figure.chart canvas").first();
  if (await first.count() === 0) return;
  const picture = await first.evaluate((canvas) => canvas.toDataURL());
  const other = theme === "dark" ? "Light" : "Dark";
  await page.locator("#theme").getByText(other).click();
  await page.waitForTimeout(50);
  if (await first.evaluate((canvas) => canvas.toDataURL()) === picture) fail(where, "charts do not change with the theme");
  await page.locator("#theme").getByText("Auto").click();
  await page.waitForTimeout(50);
  if (await first.evaluate((canvas) => canvas.toDataURL()) !== picture) fail(where, "charts do not change back with the theme");
}

// A cursor on one chart over time shows in the others.
async function checkCursors(page, where, figures) {
  const timed = figures.filter((f) => f.kind === "curves" && f.x.label === "Time" && f.x.unit === "s" && !isEmpty(f));
  if (timed.length < 2) return;
  const [one, other] = timed.map((f) => page.locator(`[id="figure-${f.id}"]`));
  const over = one.locator(".u-over");
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  await over.hover({ position: { x: box.width / 2, y: 20 } });
  const texts = await Promise.all([one, other].map((place) => place.locator(".at").textContent()));
  if (!/\d/.test(texts[1])) fail(where, `cursors are not synchronized: ${texts}`);
  await page.mouse.move(0, 0);
}

async function checkTouch(page, where, figures) {
  // Bars and points have no values between them.
  const isLined = (f) => f.series.some((s) => s.style === "line" || s.style === "steps");
  const figure = figures.find((f) => f.kind === "curves" && !isEmpty(f) && isLined(f));
  if (!figure) return;
  const place = page.locator(`[id="figure-${figure.id}"]`);
  await place.locator(".u-over").tap();
  if (!/\d/.test(await place.locator(".at").textContent())) fail(where, "a finger shows no values");
}

async function checkResize(page, where, figures) {
  if (!figures.some((f) => f.kind === "curves" && !isEmpty(f))) return;
  const widths = [];
  for (const width of [700, 390, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForTimeout(100);
    widths.push(await page.locator(".uplot").first().evaluate((chart) => [chart.clientWidth, chart.closest(".plot").clientWidth]));
  }
  for (const [chart, place] of widths) if (Math.abs(chart - place) > 1) fail(where, `a chart is ${chart} px wide in ${place} px`);
}

for (const path of pages) {
  const name = basename(path, ".html");
  const times = [];
  for (let i = 0; i < 3; i += 1) times.push(await checkOpening(path, name));
  const least = (kind) => Math.round(Math.min(...times.map((time) => time[kind])));
  if (least("work") > MOST_MS) fail(name, `takes ${least("work")} ms to open`);

  let count = 0;
  for (const screen of SCREENS) {
    const where = `${name} at ${screen.width} px, ${screen.theme}`;
    const { context, page } = await open(path, screen, where);
    const figures = JSON.parse(await page.locator("#chart-data").textContent());
    count = figures.length;
    const placed = await page.locator("figure.chart").count();
    if (placed !== count) fail(where, `${placed} figures for ${count} charts`);
    await page.screenshot({ path: join(folder, `${name}-${screen.width}-${screen.theme}.png`), fullPage: true });
    if (screen.width === 390) await checkTouch(page, where, figures);
    await checkWhole(page, where, screen, figures);
    for (const figure of figures) {
      const at = `${where}, ${figure.id}`;
      const place = page.locator(`[id="figure-${figure.id}"]`);
      await checkDrawing(at, place, figure);
      // Using each chart takes time, and one screen shows whether it works.
      if (screen !== SCREENS[0]) continue;
      await checkUse(at, page, place, figure);
      const png = await checkDownloads(at, page, place, figure);
      if (png) writeFileSync(join(folder, `${name}-${figure.id}.png`), png);
    }
    if (screen.width !== 390) {
      await checkCursors(page, where, figures);
      await checkResize(page, where, figures);
      if (screen.theme === "dark") await page.pdf({ path: join(folder, `${name}.pdf`), format: "A4" });
    }
    await context.close();
  }
  console.log(`${name}: ${count} charts, opened in ${least("wall")} ms, ${least("work")} of them busy`);
}
await browser.close();
finish("pages: all held");
