import type { Contender, Queue } from './contenders.ts';

export interface Workload {
  readonly name: string;
  readonly what: string;
  /** More values for what is fast. */
  readonly scale: number;
  /** The sum of what was received; null: the contender has no such thing. */
  run(contender: Contender, count: number): Promise<number | null>;
}

const BATCH = 128;

async function handOver(queue: Queue | null, count: number, senders: number): Promise<number | null> {
  if (queue === null) return null;
  const sending = Array.from({ length: senders }, (_, first) => queue.produce(first, count, senders));
  const sum = await queue.consume(count);
  await Promise.all(sending);
  return sum;
}

export const workloads: readonly Workload[] = [
  {
    name: 'unbuffered',
    what: 'await send, await recv',
    scale: 1,
    run: (contender, count) => handOver(contender.make(0), count, 1),
  },
  {
    name: 'buffered',
    what: `await send, await recv, room for ${BATCH}`,
    scale: 1,
    run: (contender, count) => handOver(contender.make(BATCH), count, 1),
  },
  {
    name: 'fan-in',
    what: '8 senders, 1 receiver, unbuffered',
    scale: 1,
    run: (contender, count) => handOver(contender.make(0), count, 8),
  },
  {
    name: 'try',
    what: `trySend and tryRecv, ${BATCH} at a time`,
    scale: 5,
    run: async (contender, count) => contender.make(BATCH)?.exchange(count, BATCH) ?? null,
  },
];
