import { IOError } from '../../io/index.ts';
import type { StreamConn } from '../../net/index.ts';
import type { Op } from '../../poll/driver.ts';
import { type Counts, type Failure, FD, type FDOwner } from '../../poll/index.ts';

const SMALLEST = 4096;
/** The most that is shown in one go. */
export const LARGEST_RECEIVE = 64 * 1024;

/** Who looks at what has come. Both calls come from the driver, in its round. */
export interface LineOwner {
  /** `p[from, to)` has come, and is the driver's again afterwards. What it throws ends the line. */
  received(p: Uint8Array, from: number, to: number): void;
  /** Nothing more will come: the stream has ended (null), or why it broke. Once, and not after `close`. */
  ended(why: unknown): void;
}

/**
 * A connection as its driver has it: what comes is shown where it lies. No promise and no copy for each read: at hundreds of thousands
 * a second their collection would be in what is measured.
 */
export class Line implements FDOwner {
  readonly #conn: StreamConn;
  readonly #fd: FD;
  readonly #owner: LineOwner;
  /** So much is received in one go: more where that was filled. */
  #wanted = SMALLEST;
  #over = false;

  /** The connection is this one's from now on. */
  constructor(conn: StreamConn, owner: LineOwner) {
    const { poller, slot } = conn.fd;
    this.#conn = conn;
    this.#owner = owner;
    this.#fd = new FD(poller, slot, this);
    poller.driver.hold();
    poller.driver.stream(slot, this.#wanted);
  }

  /** All of `p`, or nothing of it. Never waits. @throws OpError */
  tryWrite(p: Uint8Array): boolean {
    return this.#fd.tryWrite(p);
  }

  /** All of `p`, which must not change before that. */
  async write(p: Uint8Array): Promise<void> {
    await this.#fd.write(p, undefined);
  }

  /** At once. Any number of times. */
  close(): void {
    if (this.#fd.closed) return;
    const { driver } = this.#fd.poller;
    this.#over = true;
    // While there is a descriptor to ask: errors that come later name it.
    void this.#conn.localAddr;
    void this.#conn.remoteAddr;
    driver.stream(this.#fd.slot, 0);
    driver.release();
    this.#fd.closeNow();
  }

  #end(why: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.ended(why);
  }

  // What the descriptor asks of us

  streamed(_op: Op, result: number, offset: number): void {
    if (this.#over) return;
    const { driver } = this.#fd.poller;
    if (result <= 0) {
      const ended = this.#fd.endOrReset(result);
      this.#end(ended === 0 ? null : this.error('read', -ended));
      return;
    }
    if (result >= this.#wanted && this.#wanted < LARGEST_RECEIVE) {
      this.#wanted *= 2;
      driver.stream(this.#fd.slot, this.#wanted);
    }
    const { slab } = driver;
    const end = offset + result;
    try {
      for (let at = offset; at < end; at += LARGEST_RECEIVE) {
        this.#owner.received(slab, at, Math.min(end, at + LARGEST_RECEIVE));
      }
    } catch (error) {
      this.#end(error);
    }
  }

  broken(errno: number): void {
    this.#end(this.error('write', errno));
  }

  error(op: string, failure: Failure, counts?: Counts): Error {
    return this.#conn.error(op, failure, counts);
  }

  aborted(reason: unknown): unknown {
    return reason;
  }

  accepted(): never {
    throw new IOError('ERR_UNASKED', 'a connection accepts nothing');
  }
}
