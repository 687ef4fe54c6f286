import type { ProcStatus } from '../../serve/index.ts';
import type { Counters } from './counters.ts';
import { Gateway } from './gateway.ts';
import type { GatewayOptions } from './options.ts';

/** A gateway at work, in however many threads. */
export interface RunningGateway {
  readonly addr: { toString(): string };
  readonly counters: Counters;
  /** What was found in the journal, for the operator. */
  readonly report: string | null;
  /** Empty: it serves in this thread. */
  readonly procs: readonly ProcStatus[];
  /**
   * For how many milliseconds the event loop of one of the Ps was held at most since the last look; where it was to be
   * watched.
   */
  takeStall(): number;
  /** Sends what is queued, and ends. How many connections did not get everything. */
  shutdown(): Promise<number>;
}

/** Rejects when it cannot listen, or not keep its journal. */
export async function startGateway(
  options: GatewayOptions,
  running: { watched?: boolean } = {},
): Promise<RunningGateway> {
  if (options.procs === 1) return Gateway.start(options);
  // Who serves in one thread needs none of it.
  const { ProcsGateway } = await import('./procs/procs-gateway.ts');
  return ProcsGateway.start(options, running);
}

/** What the operator is told about the Ps; null: there are none. */
export function describeProcs({ procs }: RunningGateway): string | null {
  if (procs.length === 0) return null;
  return `${procs.length} Ps: ${procs.map(({ index, threadId }) => `P ${index} in thread ${threadId}`).join(', ')}`;
}
