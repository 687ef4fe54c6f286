import { EAGAIN } from '../../errno.ts';
import { SPLICE_FROM_FAILED, type Splice, type SpliceOutcome } from '../../splice.ts';
import { IdlePipes } from './idle-pipes.ts';
import {
  H_SPLICE_BULK,
  H_SPLICE_CHANNEL,
  H_SPLICE_ERROR,
  H_SPLICE_HELD,
  H_SPLICE_LEFT_FROM,
  H_SPLICE_LEFT_TO,
  H_SPLICE_PIPED,
  H_SPLICE_SENT,
  H_SPLICE_TAKEN,
} from './layout.ts';
import { Sockets } from './sockets.ts';

/** What can be done at once, without waiting: it is a system call, and has its answer. */
export abstract class Attempts extends Sockets {
  /** Where received bytes stand that did not come by a completion. */
  receivedAt = 0;
  /** Errors that a peek has met: the kernel tells each once, and then shows an orderly end. */
  protected readonly peeked = new Map<number, number>();
  readonly #pipes = new IdlePipes(() => this.native.trimPipes());

  peek(slot: number): number {
    const peeked = this.peeked.get(slot);
    if (peeked !== undefined) return peeked;
    const result = this.native.peek(slot);
    if (result < 0 && result !== -EAGAIN) this.peeked.set(slot, result);
    return result;
  }

  /** The error that a peek met, for the receive that tells it; 0: none. */
  protected takePeeked(slot: number): number {
    const peeked = this.peeked.get(slot) ?? 0;
    if (peeked !== 0) this.peeked.delete(slot);
    return peeked;
  }

  tryAccept(slot: number): number {
    return this.native.accept(slot);
  }

  tryReceive(slot: number, most: number): number {
    if (this.peeked.size > 0) {
      const peeked = this.takePeeked(slot);
      if (peeked !== 0) return peeked;
    }
    this.receivedAt = 0;
    return this.native.receive(slot, 0, Math.min(most, this.memory.maxRecv));
  }

  tryReceiveInto(slot: number, p: Uint8Array, from: number, to: number): number {
    if (this.peeked.size > 0) {
      const peeked = this.takePeeked(slot);
      if (peeked !== 0) return peeked;
    }
    return this.native.receiveInto(slot, p, from, to);
  }

  trySend(slot: number, p: Uint8Array, from: number, to: number): number {
    return this.native.send(slot, p, from, to);
  }

  trySendVector(slot: number, buffers: readonly Uint8Array[], first: number, from: number): number {
    return this.native.sendVector(slot, buffers, first, from);
  }

  sendFile(
    slot: number,
    file: number,
    offset: number,
    length: number,
    done: (count: number, errno: number) => void,
  ): number {
    return this.native.sendFile(slot, file, offset, length, done);
  }

  trySplice(from: number, to: number, most: number, splice: Splice): SpliceOutcome {
    if (this.peeked.size > 0 && from >= 0) {
      const peeked = this.takePeeked(from);
      if (peeked !== 0) {
        splice.taken = 0;
        splice.sent = 0;
        splice.errno = -peeked;
        return SPLICE_FROM_FAILED;
      }
    }
    const outcome = this.native.splice(from, to, splice.channel, most, splice.bulk ? 1 : 0);
    const words = this.words;
    splice.taken = words[H_SPLICE_TAKEN]!;
    splice.sent = words[H_SPLICE_SENT]!;
    splice.channel = words[H_SPLICE_CHANNEL]!;
    splice.held = words[H_SPLICE_HELD]!;
    splice.bulk = words[H_SPLICE_BULK] !== 0;
    splice.errno = words[H_SPLICE_ERROR]!;
    splice.leftFrom = words[H_SPLICE_LEFT_FROM]!;
    splice.leftTo = words[H_SPLICE_LEFT_TO]!;
    if (words[H_SPLICE_PIPED] !== 0) this.#pipes.used();
    return outcome as SpliceOutcome;
  }

  endSplice(splice: Splice): void {
    if (splice.channel >= 0) this.native.endSplice(splice.channel);
    splice.channel = -1;
    splice.held = 0;
  }
}
