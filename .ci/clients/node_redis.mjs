// `node_redis.mjs PORT USER PASSWORD`

import { createRequire } from "node:module";

import { play } from "./check.mjs";

const { createClient } = createRequire(`${process.cwd()}/`)("redis");
const [port, username, password] = process.argv.slice(2);
const client = createClient({ socket: { port: Number(port) }, username, password });
await client.connect();
await play("node-redis", (words) => client.sendCommand(words));
await client.quit();
