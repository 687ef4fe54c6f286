import type { Fate } from './journal.ts';

interface Order {
  readonly id: string;
  readonly sequence: number;
  readonly fate: Fate;
}

/** The replies of one session that are not known before the journal has its orders, and what stands behind them. */
export class Answers {
  #parts: (string | Order)[] = [];
  #whenEmpty: (() => void)[] = [];
  /** About how many bytes it will be. */
  length = 0;
  /** What the last order waits for. */
  last: Fate | null = null;

  get empty(): boolean {
    return this.#parts.length === 0;
  }

  text(text: string): void {
    if (text === '') return;
    this.#parts.push(text);
    this.length += text.length;
  }

  order(id: string, sequence: number, fate: Fate): void {
    this.#parts.push({ id, sequence, fate });
    this.length += id.length + 16;
    this.last = fate;
  }

  /**
   * The replies that are known by now, up to the first that is not. `onOrder` learns of each order why it is not in
   * the journal; null: it is.
   */
  take(onOrder: (failure: unknown) => void): string {
    let replies = '';
    let taken = 0;
    for (const part of this.#parts) {
      if (typeof part !== 'string') {
        if (!part.fate.settled) break;
        onOrder(part.fate.error);
        replies +=
          part.fate.error === null ? `ACK ${part.id} ${part.sequence}\n` : `REJ ${part.id} not journaled\n`;
        this.length -= part.id.length + 16;
      } else {
        replies += part;
        this.length -= part.length;
      }
      taken++;
    }
    if (taken === this.#parts.length) this.#parts = [];
    else this.#parts.splice(0, taken);
    return replies;
  }

  /** Resolves when `emptied` is called: all replies are out. */
  get allOut(): Promise<void> {
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  emptied(): void {
    for (const resolve of this.#whenEmpty) resolve();
  }
}
