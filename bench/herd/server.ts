// The server of the herd. Arguments: model, distribution, Ps, milliseconds of work. Prints its port. For each line: "shut" and "open"
// stop all Ps and let them go; "count" prints what each P has done since it was asked last.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { runtime } from 'gopark/runtime';
import { serve } from 'gopark/serve';
import { type HerdData, OF_PROCS, SHUT, STANDING, WORDS_PER_PROC } from './handlers/gate.ts';

runtime.onError = () => {};
const [model, distribute, count, work] = process.argv.slice(2);
const procs = Number(count);
const size = OF_PROCS + WORDS_PER_PROC * procs;
const data: HerdData = { words: new Int32Array(new SharedArrayBuffer(4 * size)), work: Number(work) };
const { words } = data;

const server = await serve({
  listen: 'tcp://127.0.0.1:0',
  handler: new URL(`./handlers/${model}.js`, import.meta.url),
  procs,
  distribute: distribute as 'reuseport' | 'handoff',
  listenOptions: { backlog: 4096 },
  data,
});
console.log(server.addr.slice(server.addr.lastIndexOf(':') + 1));

async function answer(command: string): Promise<string> {
  switch (command) {
    case 'shut':
      Atomics.store(words, STANDING, 0);
      Atomics.store(words, SHUT, 1);
      while (Atomics.load(words, STANDING) < procs) await sleep(1);
      for (let i = OF_PROCS; i < size; i++) Atomics.store(words, i, 0);
      return 'shut';
    case 'open':
      Atomics.store(words, SHUT, 0);
      Atomics.notify(words, SHUT);
      return 'open';
    default: {
      const of = (word: number) =>
        Array.from({ length: procs }, (_, i) => words[OF_PROCS + WORDS_PER_PROC * i + word]!);
      const connections = server.procs.reduce((sum, proc) => sum + proc.connections, 0);
      return JSON.stringify({ connections, served: of(0), late: of(1) });
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) console.log(await answer(line));
await server.shutdown({ timeout: 0 });
