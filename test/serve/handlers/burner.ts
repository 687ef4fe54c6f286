import type { Connection } from 'gopark/eventloop';
import { proc } from 'gopark/serve';

/** Answers each line after a while of work, with the P's number and how many it has answered on this connection. */
const WORK = 4;

export function onConnect(conn: Connection): void {
  conn.context = 0;
  conn.writer.writeString(`P ${proc().index}\n`);
  void conn.writer.flush();
}

export function onRequest(conn: Connection): void {
  for (let line = conn.reader.tryUntil('\n'); line; line = conn.reader.tryUntil('\n')) {
    const end = performance.now() + WORK;
    while (performance.now() < end);
    const count = (conn.context as number) + 1;
    conn.context = count;
    conn.writer.writeString(`${proc().index} ${count}\n`);
  }
  void conn.writer.flush();
}

export function onLeave(conn: Connection): unknown {
  return { count: conn.context };
}

export function onArrive(conn: Connection, state: unknown): void {
  conn.context = (state as { count: number }).count;
}
