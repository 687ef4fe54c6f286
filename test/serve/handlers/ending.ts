import type { Connection } from 'gopark/eventloop';

const conns = new Set<Connection>();
let asked = () => {};

export function onConnect(conn: Connection): void {
  conns.add(conn);
  conn.writer.writeString('welcome\n');
  void conn.writer.flush();
}

/** At the end somebody has to say something first. */
export function onRequest(conn: Connection): void {
  conn.moveTo(conn);
  void conn.writer.flush();
  asked();
}

export async function onShutdown(): Promise<void> {
  for (const conn of conns) {
    conn.writer.writeString('any last words?\n');
    await conn.writer.flush();
  }
  if (conns.size > 0) await new Promise<void>((resolve) => (asked = resolve));
}
