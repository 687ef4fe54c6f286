import type { Goroutine } from '../runtime/goroutine.ts';
import { ownerOf } from '../runtime/trace.ts';
import { TICK } from '../runtime/turns.ts';
import type { WaitRecord } from '../runtime/waits.ts';
import { FAILED_CLOSED } from './errno.ts';
import type { Descriptor } from './fd/descriptor.ts';
import type { Waiter } from './waiters/waiter.ts';

/** A parked call of a descriptor, as the dump wants to know it. Made only when somebody asks. */
export class IOWait implements WaitRecord {
  readonly waitReason = 'IO wait';
  readonly #fd: Descriptor;
  readonly #waiter: Waiter;
  readonly #place: number;

  constructor(fd: Descriptor, waiter: Waiter, place: number) {
    this.#fd = fd;
    this.#waiter = waiter;
    this.#place = place;
  }

  get since(): number {
    return this.#waiter.sinceTick * TICK;
  }

  get resolve(): unknown {
    return this.#waiter.resolve;
  }

  get goroutine(): Goroutine | null {
    return ownerOf(this.#waiter);
  }

  get resource(): object {
    return this.#fd.owner;
  }

  get waitOperation(): string {
    return this.#place === 0 ? this.#waiter.operation : `${this.#waiter.operation} (behind others)`;
  }

  /** The error that the call would fail with says it all: operation, network, both addresses. */
  describeWait(): string {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const error = this.#fd.owner.error(this.#waiter.operation, FAILED_CLOSED) as Partial<Addressed>;
    Error.stackTraceLimit = stackTraceLimit;
    const ends = [error.source, error.addr].filter((end) => end !== undefined && end !== null).map(String);
    const queue = this.#place === 0 ? '' : ` (behind ${this.#place} others)`;
    const where = error.path ?? `${error.net ?? ''} ${ends.join('->')}`;
    return `${this.#waiter.operation} ${where}${queue}`;
  }
}

interface Addressed {
  readonly net: string;
  readonly source: unknown;
  readonly addr: unknown;
  /** Of a pipe. */
  readonly path: string;
}
