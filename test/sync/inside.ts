import type { Chan } from 'gopark';

/** How many stand in the queues of these channels: what the types do not show. */
export function waiting(...channels: readonly Chan<never>[] | readonly Chan<number>[]): number {
  let sum = 0;
  for (const ch of channels) {
    const { receivers, senders } = ch as unknown as Record<'receivers' | 'senders', { length: number }>;
    sum += receivers.length + senders.length;
  }
  return sum;
}
