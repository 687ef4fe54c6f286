import { readdirSync, readFileSync } from 'node:fs';
import { Child } from '../lib/child.ts';
import { compile } from '../lib/compile.ts';
import { median, printTable } from '../lib/report.ts';
import { start } from './start.ts';

const SIZE = 16;

/** What Ps cost before anybody has come. */
export async function startUp(counts: readonly number[], rounds: number): Promise<void> {
  const milliseconds = counts.map((): number[] => []);
  const resident = counts.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, procs] of counts.entries()) {
      const started = await start(procs, SIZE, 0);
      milliseconds[i]!.push(started.milliseconds);
      resident[i]!.push(started.resident);
      await started.child.stop();
    }
  }
  console.log('from the call of serve until it serves, and what that adds to the resident memory');
  printTable(
    ['Ps', 'ms', 'MB', 'MB for each'],
    counts.map((procs, i) => {
      const megabytes = median(resident[i]!) / 1e6;
      return [
        String(procs),
        median(milliseconds[i]!).toFixed(0),
        megabytes.toFixed(1),
        (megabytes / procs).toFixed(1),
      ];
    }),
  );
}

function threadNames(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim(),
  );
}

/** How many threads of the system serve so many connections. */
export async function threads(connections: number, procs: number): Promise<void> {
  const server = await start(procs, SIZE, 0);
  const holder = compile('memory/hold-connections.c');
  const load = new Child('anywhere', [holder, String(server.port), String(connections), '1']);
  await load.expect('held');
  server.child.say('count');
  const served = await server.child.line();
  const counts = new Map<string, number>();
  for (const name of threadNames(server.child.pid)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const list = [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
  console.log(`${served} connections on ${procs} Ps: ${total} threads of the system (${list})`);
  await load.stop('input');
  await server.child.stop();
}
