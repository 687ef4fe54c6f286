// The server of the scaling. Arguments: Ps, a message's size, rounds of computing for each. Prints a line of JSON: its port, and what
// it took to start. Then, for each line, how many connections it has.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from 'gopark/serve';

const [procs, size, rounds] = process.argv.slice(2).map(Number);
const before = process.memoryUsage().rss;
const began = performance.now();
const server = await serve({
  listen: 'tcp://127.0.0.1:0',
  handler: new URL('./handlers/burn.js', import.meta.url),
  procs: procs!,
  distribute: 'handoff',
  data: { size, rounds },
});
const milliseconds = performance.now() - began;
// What start-up leaves to be collected.
await sleep(500);
const port = Number(server.addr.slice(server.addr.lastIndexOf(':') + 1));
console.log(JSON.stringify({ port, milliseconds, resident: process.memoryUsage().rss - before }));
for await (const _ of createInterface({ input: process.stdin })) {
  console.log(server.procs.reduce((sum, { connections }) => sum + connections, 0));
}
await server.shutdown({ timeout: 0 });
