// Loaded in each P: answers each message after so many rounds of computing.
import type { Connection } from 'gopark/eventloop';
import { runtime } from 'gopark/runtime';
import { proc } from 'gopark/serve';
import { compute } from '../computing.ts';

// The load leaves with answers under way: resets are no news.
runtime.onError = () => {};
const { size, rounds } = proc().data as { size: number; rounds: number };

export function onRequest(conn: Connection): void {
  for (let left = conn.len; left >= size; left -= size) if (rounds > 0) compute(rounds);
  conn.moveTo(conn);
  void conn.writer.flush();
}
