// `live.mjs CHROMIUM FOLDER HOPWISE`: checks the live page of a simulation and of real nodes, on a phone
// and on a wide screen, in both themes. Pictures of them are left in FOLDER.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fail, finish } from "./outcome.mjs";

const LEAST_FRAMES_PER_S = 30;
const SMALL = "run steady --engine sim --nodes 24 --duration 10min --set network.loss=0.02 --set churn.model=poisson";
const LARGE = "run steady --engine udp --nodes 4096 --duration 40s --set workload.lookups_per_s=10000";
const SERVER = "serve --nodes 100 --listen 127.0.0.1:0";

const [executablePath, folder, hopwise] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });

// Starts the program with a live page, and gives its address to `check`.
async function watch(command, check) {
  const program = spawn(hopwise, [...command.split(" "), "--watch", "--quiet"], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(program, "exit");
  try {
    for await (const line of createInterface({ input: program.stderr })) {
      const url = line.match(/http:\S+/)?.[0];
      if (url) {
        await check(url);
        break;
      }
    }
  } finally {
    program.kill("SIGKILL");
    await ended;
  }
}

async function open(url, { width, theme }, where) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, bypassCSP: true });
  const page = await context.newPage();
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && fail(where, `console: ${message.text()}`));
  page.on("pageerror", (error) => fail(where, `error: ${error.message}`));
  page.on("request", (request) => request.url().startsWith(url) || request.url().startsWith("data:") || fail(where, `asks for ${request.url()}`));
  await page.goto(url);
  await page.locator("#figures dd").first().filter({ hasText: /\d/ }).waitFor();
  return { context, page };
}

async function checkLook(url, name, screen) {
  const where = `${name}-${screen.width}-${screen.theme}`;
  const { context, page } = await open(url, screen, where);
  await page.waitForTimeout(1500);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (over > 0) fail(where, `is ${over} px wider than the screen`);
  const charts = await page.locator("#course canvas").count();
  if (charts !== 4) fail(where, `has ${charts} charts`);
  const drawn = await page.locator("#ring").evaluate((ring) => new Set(ring.getContext("2d").getImageData(0, 0, ring.width, ring.height).data).size);
  if (drawn < 8) fail(where, "the ring is not drawn");
  if (!/\d live nodes/.test(await page.locator("#ring").getAttribute("aria-label"))) fail(where, "the ring has no description");
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
  for (const { id, nodes } of violations) for (const node of nodes.slice(0, 3)) fail(where, `${id}: ${node.html.slice(0, 120)}: ${node.failureSummary}`);
  await page.screenshot({ path: join(folder, `live-${where}.png`), fullPage: true });
  await context.close();
}

// The clock of the run, as the page last heard of it.
const clock = (page) => page.evaluate("run.at");

async function checkPace(url) {
  const where = "pace";
  const { context, page } = await open(url, { width: 1440, theme: "light" }, where);
  const pause = page.getByRole("button", { name: "Pause" });
  await pause.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Run", exact: true }).waitFor();
  await page.waitForTimeout(300);
  const stopped = await clock(page);
  await page.waitForTimeout(500);
  if (await clock(page) !== stopped) fail(where, "the run goes on while it is paused");
  await page.getByRole("button", { name: "Step 100 ms" }).click();
  await page.waitForTimeout(500);
  const step = await clock(page) - stopped;
  if (step < 0.095 || step > 0.15) fail(where, `a step of 100 ms took ${step} s`);
  const kinds = page.locator("#kinds button");
  await kinds.first().click();
  if (await kinds.first().getAttribute("aria-pressed") !== "false") fail(where, "kinds cannot be hidden");
  await page.getByLabel("simulated seconds per second").selectOption("10");
  await page.waitForTimeout(1000);
  const fast = await clock(page) - stopped;
  if (fast < 3) fail(where, `at ten times the pace a second has ${fast} s`);
  await context.close();
}

async function checkFrames(url) {
  const { context, page } = await open(url, { width: 1440, theme: "light" }, "frames");
  const frames = await page.evaluate(() => new Promise((done) => {
    let count = 0;
    const begun = performance.now();
    requestAnimationFrame(function next() {
      count += 1;
      const passed = performance.now() - begun;
      if (passed > 4000) done((1000 * count) / passed);
      else requestAnimationFrame(next);
    });
  }));
  console.log(`4,096 nodes: ${frames.toFixed(1)} frames a second`);
  // A busy machine draws fewer; what the page does for a frame shows in a profile.
  if (frames < LEAST_FRAMES_PER_S) console.log(`fewer than ${LEAST_FRAMES_PER_S}: is the machine busy?`);
  await context.close();
}

const WIDE = { width: 1440, theme: "light" };
const PHONE = { width: 390, theme: "dark" };

await watch(SMALL, async (url) => {
  await checkLook(url, "small", WIDE);
  await checkLook(url, "small", PHONE);
  await checkPace(url);
});
await watch(LARGE, async (url) => {
  await checkLook(url, "large", { width: 1440, theme: "dark" });
  await checkLook(url, "large", { width: 390, theme: "light" });
  await checkFrames(url);
});
await watch(SERVER, (url) => checkLook(url, "server", WIDE));
await browser.close();
finish("the live pages hold");
