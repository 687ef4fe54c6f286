import { Child } from '../lib/child.ts';
import { isNoisy } from '../lib/noise.ts';
import { hasSeveralProcs, startOf } from './contenders.ts';
import { Load, type Slice } from './slice.ts';
import type { Workload } from './workloads.ts';

/** What a contender showed, round by round. */
export interface Contender {
  readonly name: string;
  readonly slices: Slice[];
}

export interface RoundOptions {
  readonly rounds: number;
  /** A slice's seconds. */
  readonly seconds: number;
  /** How many slices of a contender may be measured once more because the machine was busy with something else. */
  readonly repeats: number;
}

interface Running extends Contender {
  readonly server: Child;
  readonly load: Load;
  repeats: number;
}

/** Long enough for V8 to have compiled what is hot. */
const warmUp = 0.8;

/**
 * One workload on all contenders. All servers run at once, idle but for one; short slices take turns, so that what
 * else the machine does, and how fast it runs just now, meets all alike.
 *
 * @param failed is told of a contender that did not last; the others go on
 */
export async function compare(
  workload: Workload,
  names: readonly string[],
  options: RoundOptions,
  failed: (name: string, error: unknown) => void,
): Promise<readonly Contender[]> {
  const running = new Map<string, Running>();
  const servers: Child[] = [];
  const each = async (act: (one: Running) => Promise<void>) => {
    for (const one of running.values()) {
      try {
        await act(one);
      } catch (error) {
        failed(one.name, error);
        running.delete(one.name);
        await one.server.stop();
        await one.load.end();
      }
    }
  };
  try {
    for (const name of names) {
      const { command, env } = startOf(name, workload);
      const server = new Child(hasSeveralProcs(name) ? 'servers' : 'server', command, env);
      servers.push(server);
      // One after the other: they would take the core from each other for seconds.
      try {
        const load = new Load(workload, { pid: server.pid, port: await server.line(30_000) });
        running.set(name, { name, server, load, slices: [], repeats: options.repeats });
      } catch (error) {
        failed(name, error);
      }
    }
    await each(async ({ load }) => {
      await load.slice(warmUp);
    });
    for (let round = 0; round < options.rounds; round++) {
      await each(async (one) => {
        let found = await one.load.slice(options.seconds);
        for (; isNoisy(found) && one.repeats > 0; one.repeats--) {
          const again = await one.load.slice(options.seconds);
          if (again.others + again.steal < found.others + found.steal) found = again;
        }
        one.slices.push(found);
      });
    }
  } finally {
    for (const server of servers) await server.stop();
    for (const { load } of running.values()) await load.end();
  }
  return [...running.values()];
}
