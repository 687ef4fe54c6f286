import type { LoadBalance } from '../../eventloop/index.ts';
import type { Load } from '../load.ts';

/** From here on a P gets no more while another one has so much less to do. */
const OVERLOADED = 0.9;

/**
 * Which of `loads` gets the next connection, by its place among them; -1 when there are none.
 *
 * @param turn counts connections
 * @param gap how much less busy another one has to be for an overloaded one to be passed over; null: never
 */
export function pick(policy: LoadBalance, loads: readonly Load[], turn: number, gap: number | null): number {
  const { length } = loads;
  if (length === 0) return -1;
  if (policy === 'round-robin') return turn % length;
  if (policy === 'random') return Math.floor(Math.random() * length);
  const idlest = Math.min(...loads.map(({ utilization }) => utilization));
  let best = -1;
  for (let i = 0; i < length; i++) {
    const at = (turn + i) % length;
    const { utilization } = loads[at]!;
    if (gap !== null && utilization >= OVERLOADED && utilization - idlest >= gap) continue;
    if (best < 0 || isLess(loads[at]!, loads[best]!)) best = at;
  }
  return best;
}

function isLess(a: Load, b: Load): boolean {
  if (a.connections !== b.connections) return a.connections < b.connections;
  return a.utilization < b.utilization;
}
