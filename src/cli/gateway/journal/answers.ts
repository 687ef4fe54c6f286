import type { Fate } from './journal.ts';

interface Order {
  readonly id: string;
  readonly sequence: number;
  readonly fate: Fate;
}

/** The replies to some lines, in their order, of which some are not known before the journal has the orders. */
export class Answers {
  readonly #parts: (string | Order)[] = [];
  #last: Fate | null = null;
  length = 0;

  text(text: string): void {
    if (text !== '') this.#parts.push(text);
    this.length += text.length;
  }

  order(id: string, sequence: number, fate: Fate): void {
    this.#parts.push({ id, sequence, fate });
    this.length += id.length + 16;
    this.#last = fate;
  }

  /** Resolves when all is known. Fates settle in the order of the orders. */
  async known(): Promise<void> {
    // Each order is asked for its own fate afterwards.
    await this.#last?.wait().catch(() => {});
  }

  /** The replies. `onOrder` learns of each order why it is not in the journal; null: it is. */
  format(onOrder: (failure: unknown) => void): string {
    return this.#parts.reduce<string>((replies, part) => {
      if (typeof part === 'string') return replies + part;
      onOrder(part.fate.error);
      const known =
        part.fate.error === null ? `ACK ${part.id} ${part.sequence}\n` : `REJ ${part.id} not journaled\n`;
      return replies + known;
    }, '');
  }
}
