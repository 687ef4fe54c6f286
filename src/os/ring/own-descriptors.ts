import { isMainThread } from 'node:worker_threads';
import type { Native } from '../../poll/drivers/epoll/native.ts';

/** Descriptors beyond these are not kept account of: no system allows so many. */
const MOST = 1 << 20;

/**
 * The descriptors that a ring has opened, one bit each. When a worker thread ends, Node closes what its own functions
 * have opened there; these the native part closes. The end of the process needs neither.
 */
export class OwnDescriptors {
  readonly #bits: Uint8Array | null;

  constructor(native: Native) {
    this.#bits = isMainThread ? null : new Uint8Array(MOST / 8);
    if (this.#bits !== null) native.closeAtEnd(this.#bits);
  }

  add(fd: number): void {
    if (this.#bits !== null && fd < MOST) this.#bits[fd >>> 3]! |= 1 << (fd & 7);
  }

  delete(fd: number): void {
    if (this.#bits !== null && fd < MOST) this.#bits[fd >>> 3]! &= ~(1 << (fd & 7));
  }
}
