/** An instant that the event loop meets exactly; see `Driver.alarm`. */
export interface Alarm {
  /** When it is to ring, by our clock, in milliseconds; Infinity: not at all. Costs a store. */
  set(when: number): void;
  /** It never rings again. */
  close(): void;
}
