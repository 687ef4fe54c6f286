import { fileURLToPath } from 'node:url';
import { Child } from '../lib/child.ts';

export interface Started {
  readonly child: Child;
  readonly port: number;
  /** Milliseconds from the call of `serve` until it serves. */
  readonly milliseconds: number;
  /** What that added to the resident memory of the process, in bytes. */
  readonly resident: number;
}

export async function start(procs: number, size: number, rounds: number): Promise<Started> {
  const path = fileURLToPath(new URL('./server.js', import.meta.url));
  const command = [process.execPath, path, procs, size, rounds].map(String);
  const child = new Child('anywhere', command, { GOPARK_HOLD_LIMIT: '0' });
  return { child, ...JSON.parse(await child.line()) };
}
