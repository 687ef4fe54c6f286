import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findNative } from '../../poll/drivers/epoll/native.ts';
import type { Trial } from '../../poll/drivers/uring/trial.ts';
import type { Feature } from './features.ts';

const CHILD = fileURLToPath(new URL('./ring-child.js', import.meta.url));
const PATIENCE = 10_000;

/** Tries io_uring as the driver needs it, in a process of its own. Null: there is no native part to try it with. */
export function tryIoUring(): Feature | null {
  if ('why' in findNative()) return null;
  const name = 'io_uring';
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [CHILD], {
    encoding: 'utf8',
    timeout: PATIENCE,
  });
  if (signal !== null) return { name, state: 'no', detail: `the kernel ended who tried it by ${signal}` };
  if (status !== 0) return { name, state: 'unknown', detail: stderr.trim().split('\n')[0] ?? '' };
  const { why, ...found } = JSON.parse(stdout) as { why: string | null } & RingFindings;
  return why === null ? ringFeature(found) : { name, state: 'no', detail: why };
}

/** What a ring that can run the driver turned out to be able to do: see `Trial`. */
export type RingFindings = Pick<Trial, 'incremental' | 'plainSends'>;

/** As the report has it. */
export function ringFeature({ incremental, plainSends }: RingFindings): Feature {
  const buffers = incremental ? 'filled piece by piece' : 'used up by each receive: before Linux 6.12';
  const sends = plainSends === null ? 'submissions' : `plain calls, because ${plainSends}`;
  const detail = `GOPARK_DRIVER=uring switches it on; buffers are ${buffers}; small writes are ${sends}`;
  return { name: 'io_uring', state: 'yes', detail };
}
