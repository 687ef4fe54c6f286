import { instantIn, instantOf } from './deadlines.ts';

/** The setters that every connection has, for whoever knows what an instant means to its reads and writes. */
export abstract class DeadlineSetters {
  /** 0: none. */
  protected abstract setInstants(instant: number, reading: boolean, writing: boolean): void;

  setDeadline(at: Date | null): void {
    this.setInstants(instantOf(at), true, true);
  }

  setReadDeadline(at: Date | null): void {
    this.setInstants(instantOf(at), true, false);
  }

  setWriteDeadline(at: Date | null): void {
    this.setInstants(instantOf(at), false, true);
  }

  setTimeout(ms: number | null): void {
    this.setInstants(instantIn(ms), true, true);
  }

  setReadTimeout(ms: number | null): void {
    this.setInstants(instantIn(ms), true, false);
  }

  setWriteTimeout(ms: number | null): void {
    this.setInstants(instantIn(ms), false, true);
  }
}
