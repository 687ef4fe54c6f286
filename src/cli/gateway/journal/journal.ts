/** What becomes of an order that the journal has taken. */
export interface Fate {
  /** Whether it is known. */
  readonly settled: boolean;
  /** Why it is not in the journal; null: it is, to the degree that was promised. */
  readonly error: unknown;
  /** Settles with it. */
  wait(): Promise<void>;
}

/** Where orders are kept before they are acknowledged. */
export interface Journal {
  /** Takes an order. Only when there is room. */
  append(sequence: number, order: string): Fate;
  readonly hasRoom: boolean;
  waitForRoom(): Promise<void>;
  /** Resolves when everything is kept as promised. */
  close(): Promise<void>;
}
