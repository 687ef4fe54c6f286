import type { Conn } from 'gopark/net';
import { proc } from 'gopark/serve';

const kept: unknown[] = [];

const deaths: Record<string, () => void> = {
  throw: () => {
    setImmediate(() => {
      throw new Error('told to die');
    });
  },
  exit: () => process.exit(3),
  memory: () => {
    for (;;) kept.push(Array.from({ length: 1000 }, (_, i) => ({ i })));
  },
};

/** Answers each request with the P's number; some requests end the P. */
export default async (conn: Conn): Promise<void> => {
  const p = new Uint8Array(100);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
    const request = Buffer.from(p.subarray(0, n)).toString().trimEnd();
    deaths[request]?.();
    await conn.write(Buffer.from(`${proc().index}\n`));
  }
};
