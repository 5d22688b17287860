// `assets.mjs FOLDER`: checks the files that go into each page, without a browser.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fail, finish } from "./outcome.mjs";

const MOST_BYTES = 96 * 1024;
const FILES = ["page.css", "page.js", "uPlot.iife.min.js", "uPlot.min.css"];
// What a page that is safe to open from anywhere does without.
const BANNED = [/\beval\(/, /\bnew Function\b/, /innerHTML/, /insertAdjacentHTML/, /document\.write/, /\bfetch\(/, /XMLHttpRequest/, /localStorage/, /sessionStorage/, /document\.cookie/, /<\/script/i, /<\/style/i];

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name));
const sum = FILES.reduce((bytes, name) => bytes + read(name).length, 0);
if (sum > MOST_BYTES) fail("assets", `${sum} bytes, more than ${MOST_BYTES}`);

for (const name of FILES) {
  const text = read(name).toString();
  for (const banned of BANNED) if (banned.test(text)) fail(name, `contains ${banned}`);
}

// What is vendored is what README.md says.
const readme = read("README.md").toString();
for (const name of ["uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE"]) {
  const digest = createHash("sha256").update(read(name)).digest("hex");
  if (!readme.includes(digest)) fail(name, `sha256 ${digest} is not in README.md`);
}
finish(`assets: ${sum} bytes`);
