// What the servers of the benchmarks have in common: they say their port, then, whenever a line comes in, they settle and
// say how many connections they serve and how much heap they use. Runs in Node, Bun and Deno.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** V8 gives the pages of its young generation back only after some collections with idle time in between. */
const collections = 7;
const pause = 1200;

async function settle(collect: () => void): Promise<void> {
  for (let i = 0; i < collections; i++) {
    collect();
    await sleep(pause);
  }
}

/** Reports on stdout until stdin ends. `open` says how many connections there are, `collect` collects all garbage. */
export async function report(
  port: number,
  open: () => number,
  collect: () => void = () => globalThis.gc!(),
): Promise<never> {
  console.log(port);
  for await (const _ of createInterface({ input: process.stdin })) {
    await settle(collect);
    const { heapUsed, external } = process.memoryUsage();
    console.log(JSON.stringify({ connections: open(), heap: heapUsed + external }));
  }
  process.exit();
}
