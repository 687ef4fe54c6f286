import type { Fate } from './journal.ts';

interface Order {
  readonly id: string;
  readonly sequence: number;
  readonly fate: Fate;
}

/** The replies of one session that are not known before the journal has its orders, and what stands behind them. */
export class Answers {
  /** Nearly always one: no array holds room for more then. */
  #parts: (string | Order)[] | null = null;
  #whenEmpty: (() => void)[] | null = null;
  /** About how many bytes it will be. */
  length = 0;

  get empty(): boolean {
    return this.#parts === null;
  }

  text(text: string): void {
    if (text === '') return;
    this.add(text);
    this.length += text.length;
  }

  private add(part: string | Order): void {
    if (this.#parts === null) this.#parts = [part];
    else this.#parts.push(part);
  }

  order(id: string, sequence: number, fate: Fate): void {
    this.add({ id, sequence, fate });
    this.length += id.length + 16;
  }

  /**
   * The replies that are known by now, up to the first that is not. `onOrder` learns of each order why it is not in
   * the journal; null: it is.
   */
  take(onOrder: (failure: unknown) => void): string {
    let replies = '';
    let taken = 0;
    const parts = this.#parts ?? [];
    for (const part of parts) {
      if (typeof part !== 'string') {
        if (!part.fate.settled) break;
        const { error, sequence = part.sequence } = part.fate;
        onOrder(error);
        replies += error === null ? `ACK ${part.id} ${sequence}\n` : `REJ ${part.id} not journaled\n`;
        this.length -= part.id.length + 16;
      } else {
        replies += part;
        this.length -= part.length;
      }
      taken++;
    }
    if (taken === parts.length) this.#parts = null;
    else parts.splice(0, taken);
    return replies;
  }

  /** Resolves when `emptied` is called: all replies are out. */
  get allOut(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenEmpty ??= [];
      this.#whenEmpty.push(resolve);
    });
  }

  emptied(): void {
    for (const resolve of this.#whenEmpty ?? []) resolve();
  }
}
