// `ioredis.mjs PORT USER PASSWORD`

import { createRequire } from "node:module";

import { play } from "./check.mjs";

const Redis = createRequire(`${process.cwd()}/`)("ioredis");
const [port, username, password] = process.argv.slice(2);
const client = new Redis({ port: Number(port), username, password });
await play("ioredis", ([name, ...rest]) => client.call(name, ...rest));
await client.quit();
