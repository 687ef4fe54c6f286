// Loaded in each P.
import type { Conn } from 'gopark/net';
import { watchTimers, work } from './gate.ts';

watchTimers();

export default async (conn: Conn): Promise<void> => {
  const p = new Uint8Array(16);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
    work();
    await conn.write(p.subarray(0, n));
  }
};
