import { descriptorShortage } from '#dist/cli/lib/descriptor-limit.js';
import { MissingError } from '../lib/compile.ts';
import { contender } from '../memory/contenders.ts';
import { holder, measureBoth, type PerConnection } from '../memory/measure.ts';
import { familyOf } from './contenders.ts';
import type { Found, Metric, Skipped } from './results.ts';
import type { Plan, Report } from './workload.ts';

const metrics: readonly Metric[] = [
  { key: 'silent', title: 'silent', unit: 'B/connection', better: 'lower' },
  { key: 'afterMessage', title: 'after a message', unit: 'B/connection', better: 'lower' },
  { key: 'heapSilent', title: 'heap, silent', unit: 'B/connection', better: 'lower' },
  { key: 'heapAfterMessage', title: 'heap, after a message', unit: 'B/connection', better: 'lower' },
];

/** They mostly wait, and memory is not disturbed by who else runs. */
const atOnce = 3;

/** gopark's ways to wait, on the drivers; peers by their own names. */
function namesFor({ contenders, drivers }: Plan): readonly string[] {
  const [best] = drivers;
  const models: Record<string, readonly string[]> = {
    gopark: ['read', ...(best === undefined ? [] : ['wait', 'scanner'])],
    'gopark-eventloop': ['eventloop'],
  };
  const known = ['c', 'c-uring', 'c-threads', 'go', 'netpoll', 'gnet', 'node', 'for-await', 'bun', 'deno'];
  return contenders.flatMap((name) => {
    const [server, driver, procs] = name.split(':');
    if (known.includes(name)) return [name];
    if (procs !== undefined || models[server!] === undefined) return [];
    const ways = models[server!]!.filter((way) => driver === best || way === 'read' || way === 'eventloop');
    return ways.map((way) => (driver === undefined ? way : `${way}:${driver}`));
  });
}

type Both = Awaited<ReturnType<typeof measureBoth>>;

function found(name: string, runs: readonly Both[]): Found {
  const own = familyOf(name);
  const isOurs = ['read', 'wait', 'scanner', 'eventloop'].includes(name.split(':')[0]!);
  const heaps = (of: (one: Both) => PerConnection) =>
    runs.map((one) => of(one).heap).filter((heap) => heap !== null);
  return {
    name,
    title: contender(name).title,
    family: isOurs ? 'gopark' : own,
    rounds: {
      silent: runs.map(({ silent }) => silent.resident),
      afterMessage: runs.map(({ afterMessage }) => afterMessage.resident),
      heapSilent: heaps(({ silent }) => silent),
      heapAfterMessage: heaps(({ afterMessage }) => afterMessage),
    },
  };
}

export async function runMemory(plan: Plan): Promise<Report> {
  const connections = plan.quick ? 5000 : 15_000;
  const shortage = descriptorShortage(connections);
  if (shortage !== null) throw new MissingError(shortage);
  const skipped: Skipped[] = [];
  const all = namesFor(plan);
  const runs = new Map<string, Both[]>(all.map((name) => [name, []]));
  const program = holder();
  const times = plan.quick ? 1 : Math.min(2, plan.rounds);
  const todo = Array.from({ length: times }, () => all).flat();
  const work = async () => {
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      if (!runs.has(name)) continue;
      try {
        runs.get(name)?.push(await measureBoth(contender(name), { program, connections }));
      } catch (error) {
        skipped.push({ what: name, why: `failed: ${error instanceof Error ? error.message : error}` });
        runs.delete(name);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return {
    title: `memory: ${connections.toLocaleString('en')} idle connections`,
    how:
      'RSS that each connection adds to a server that has served others before, after its heap has settled: collected, ' +
      'and its pages given back. Buffers of sockets inside the kernel are in none of the figures.',
    metrics,
    found: [...runs].map(([name, of]) => found(name, of)),
    skipped,
  };
}
