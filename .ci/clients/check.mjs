// Plays script.jsonl through a function that sends a command.

import { readFileSync } from "node:fs";

const script = new URL("script.jsonl", import.meta.url);
const lines = readFileSync(script, "utf8").trim().split("\n").map((line) => JSON.parse(line));

function fits(expected, reply) {
  if (expected === "*") return true;
  if (Array.isArray(expected)) return expected[0] <= reply && reply <= expected[1];
  if (expected !== null && typeof expected === "object") {
    return JSON.stringify(reply) === JSON.stringify(expected.list);
  }
  return reply === expected;
}

export async function play(name, send) {
  for (const line of lines) {
    let reply, error;
    try {
      reply = await send(line.send);
    } catch (refused) {
      error = refused.message;
    }
    const right = line.error === undefined
      ? error === undefined && fits(line.reply, reply)
      : error === line.error;
    if (!right) {
      console.error(`${name}: ${line.send.join(" ")}: ${error ?? JSON.stringify(reply)}`);
      process.exit(1);
    }
  }
  console.log(`${name}: ${lines.length} commands`);
}
