import type { Asker } from './answering.ts';

/** What becomes of an order that the journal has taken. */
export interface Fate {
  /** Whether it is known. */
  readonly settled: boolean;
  /** Why it is not in the journal; null: it is, to the degree that was promised. */
  readonly error: unknown;
  /** The order's number, where that is known only with its fate. */
  readonly sequence?: number;
}

/** Where orders are kept before they are acknowledged. */
export interface Journal {
  /** Takes an order. Only when there is room. `asker` is called when its fate is known, if that is not so already. */
  append(sequence: number, order: string, asker: Asker): Fate;
  readonly hasRoom: boolean;
  waitForRoom(): Promise<void>;
  /** Resolves when everything is kept as promised. */
  close(): Promise<void>;
}
