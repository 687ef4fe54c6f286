import { threadId } from 'node:worker_threads';
import { go } from '../../../runtime/index.ts';
import type { SharedChan } from '../../../sync/index.ts';
import { Answering, type Asker } from '../journal/answering.ts';
import type { Fate, Journal } from '../journal/journal.ts';
import { decodeAnswer, encodeOrders } from './messages.ts';

/** A batch is sent before it gets longer. */
const BATCH = 32 * 1024;
/** When so much has no answer, no more is taken. */
const MOST_BYTES = 256 * 1024;
const MOST_BATCHES = 256;

/** The fate of an order that another thread writes down. */
class RemoteFate implements Fate {
  settled = false;
  error: unknown = null;
  sequence = 0;
}

/** Orders that go together. */
class Batch {
  readonly orders: string[] = [];
  readonly fates: RemoteFate[] = [];
  readonly askers: Asker[] = [];
  bytes = 0;
}

/**
 * The journal as a P sees it: the main thread writes it. All orders of one turn are one message, and so are the
 * answers.
 */
export class RemoteJournal implements Journal {
  readonly #proc: number;
  readonly #orders: SharedChan<string>;
  readonly #answering = new Answering();
  #collecting = new Batch();
  #isDue = false;
  readonly #underWay = new Map<number, Batch>();
  #last = 0;
  #bytes = 0;
  #waits: (() => void)[] = [];

  constructor(proc: number, orders: SharedChan<string>, answers: SharedChan<string>) {
    this.#proc = proc;
    this.#orders = orders;
    go(() => this.#receive(answers)).markInternal();
  }

  append(_: number, order: string, asker: Asker): Fate {
    if (this.#collecting.bytes + order.length >= BATCH) this.#send();
    const batch = this.#collecting;
    const fate = new RemoteFate();
    batch.orders.push(order);
    batch.fates.push(fate);
    batch.bytes += order.length + 1;
    this.#bytes += order.length + 1;
    // Orders of one session come together: it is asked once for all of them.
    if (batch.askers.at(-1) !== asker) batch.askers.push(asker);
    if (!this.#isDue) {
      this.#isDue = true;
      // Behind all goroutines that run in this turn: what they write belongs to the same batch.
      process.nextTick(() => {
        this.#isDue = false;
        this.#send();
      });
    }
    return fate;
  }

  #send(): void {
    const batch = this.#collecting;
    if (batch.orders.length === 0) return;
    this.#collecting = new Batch();
    const number = ++this.#last;
    this.#underWay.set(number, batch);
    const text = encodeOrders({ proc: this.#proc, thread: threadId, number, orders: batch.orders });
    // It has room for more than may be under way.
    if (!this.#orders.trySend(text)) throw new Error('the channel of orders is full');
  }

  async #receive(answers: SharedChan<string>): Promise<void> {
    for await (const text of answers) {
      const { thread, number, sequence, failures } = decodeAnswer(text);
      // Else it is for the one that was in this place before.
      if (thread !== threadId) continue;
      const batch = this.#underWay.get(number)!;
      this.#underWay.delete(number);
      for (const [place, fate] of batch.fates.entries()) {
        const failure = failures.get(place);
        fate.sequence = sequence + place;
        fate.error = failure === undefined ? null : new Error(failure);
        fate.settled = true;
      }
      this.#bytes -= batch.bytes;
      this.#answering.answer(batch.askers);
      if (this.hasRoom) for (const resolve of this.#waits.splice(0)) resolve();
    }
  }

  get hasRoom(): boolean {
    return this.#bytes < MOST_BYTES && this.#underWay.size < MOST_BATCHES;
  }

  waitForRoom(): Promise<void> {
    return this.hasRoom ? Promise.resolve() : new Promise((resolve) => this.#waits.push(resolve));
  }

  /** Its writer closes it, when nobody has orders any more. */
  async close(): Promise<void> {}
}
