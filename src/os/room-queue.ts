import { signalFault } from '../runtime/signal.ts';
import type { Commit } from './commit.ts';
import { FileWait } from './waiting.ts';

/** Somebody who waits for room: with bytes that are taken when there is, or with a count only to be told. */
export class RoomWait extends FileWait<Commit | null> {
  readonly #queue: Set<RoomWait>;
  readonly wanted: Uint8Array | number;
  readonly plain: boolean;

  constructor(queue: Set<RoomWait>, path: string, wanted: Uint8Array | number, plain: boolean) {
    super('write', path);
    this.#queue = queue;
    this.wanted = wanted;
    this.plain = plain;
  }

  override withdraw(): boolean {
    return this.#queue.delete(this);
  }
}

/** Who waits for room in the queue of an AsyncWriter, in the order of arrival. */
export class RoomQueue {
  readonly #path: string;
  readonly #queue = new Set<RoomWait>();

  constructor(path: string) {
    this.#path = path;
  }

  get first(): RoomWait | undefined {
    for (const wait of this.#queue) return wait;
    return undefined;
  }

  wait(wanted: Uint8Array | number, plain: boolean, signal: AbortSignal | undefined): Promise<Commit | null> {
    const fault = signalFault(signal);
    if (fault !== null) return Promise.reject(fault);
    const wait = new RoomWait(this.#queue, this.#path, wanted, plain);
    this.#queue.add(wait);
    return wait.start(signal);
  }

  succeed(wait: RoomWait, commit: Commit | null): void {
    this.#queue.delete(wait);
    wait.succeed(commit);
  }

  failAll(error: unknown): void {
    for (const wait of this.#queue) {
      this.#queue.delete(wait);
      wait.fail(error);
    }
  }
}
