import {
  OP_ACCEPT,
  OP_CLOSE,
  OP_CONNECT,
  OP_DRAIN,
  OP_FETCH,
  OP_LISTEN,
  OP_READABLE,
  OP_RECV,
  OP_SHUTDOWN,
  OP_STREAM,
  OP_WRITABLE,
  type Op,
} from '../driver.ts';
import { PollDesc } from '../poll-desc.ts';
import type { Poller } from '../poller.ts';
import { Moving } from './moving.ts';
import type { FDOwner } from './owner.ts';

/**
 * A descriptor with Go's semantics: one lock and one deadline per direction, whole writes, close that wakes everybody.
 *
 * The common cases settle at once, with a promise that existed before: a read of bytes at hand, a write into the
 * outbound chain. Everything else parks in one of the two `PollDesc`s.
 */
export class FD extends Moving {
  readonly reading: PollDesc;

  constructor(poller: Poller, slot: number, owner: FDOwner) {
    super(poller, slot, owner);
    this.reading = new PollDesc(this, false);
    poller.add(this);
  }

  get writer(): PollDesc {
    this.writing ??= new PollDesc(this, true);
    return this.writing;
  }

  completed(op: Op, result: number, offset: number, more: boolean): void {
    switch (op) {
      case OP_STREAM:
      case OP_FETCH:
        this.owner.streamed!(op, result, offset);
        break;
      case OP_READABLE:
        if (result >= 0 && this.reading.head?.isLarge(this)) this.poller.largeReads.add(this);
        else this.reading.completed(op, result, offset, more);
        break;
      case OP_RECV:
      case OP_ACCEPT:
      case OP_LISTEN:
        this.reading.completed(op, result, offset, more);
        break;
      case OP_WRITABLE:
      case OP_DRAIN:
      case OP_CONNECT:
        this.writer.completed(op, result, offset, false);
        break;
      case OP_SHUTDOWN:
        this.shutdownCompleted(result);
        break;
      case OP_CLOSE:
        this.closeCompleted(result);
        break;
    }
  }
}
