import { Child } from '../lib/child.ts';
import { isNoisy } from '../lib/noise.ts';
import { hasSeveralProcs, startOf } from './contenders.ts';
import { loadFor, type Slice, slice } from './slice.ts';
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
  readonly port: string;
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
  const program = loadFor(workload);
  const running = new Map<string, Running>();
  const each = async (act: (one: Running) => Promise<void>) => {
    for (const one of running.values()) {
      try {
        await act(one);
      } catch (error) {
        failed(one.name, error);
        running.delete(one.name);
        await one.server.stop();
      }
    }
  };
  try {
    for (const name of names) {
      const { command, env } = startOf(name, workload);
      const server = new Child(hasSeveralProcs(name) ? 'servers' : 'server', command, env);
      running.set(name, { name, server, port: '', slices: [], repeats: options.repeats });
    }
    await each(async (one) => {
      running.set(one.name, { ...one, port: await one.server.line(30_000) });
    });
    const run = ({ server, port }: Running, seconds: number) =>
      slice(program, { pid: server.pid, port }, workload, seconds);
    await each(async (one) => {
      await run(one, Math.min(warmUp, 2 * options.seconds));
    });
    for (let round = 0; round < options.rounds; round++) {
      await each(async (one) => {
        let found = await run(one, options.seconds);
        for (; isNoisy(found) && one.repeats > 0; one.repeats--) {
          const again = await run(one, options.seconds);
          if (again.others + again.steal < found.others + found.steal) found = again;
        }
        one.slices.push(found);
      });
    }
  } finally {
    for (const { server } of running.values()) await server.stop();
  }
  return [...running.values()];
}
