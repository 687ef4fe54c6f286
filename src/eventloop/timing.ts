import { instantIn, instantOf } from '../net/deadlines.ts';
import { now } from '../runtime/clock.ts';
import { LIMITED, SHUT } from './flags.ts';
import { Sending } from './sending.ts';

/** The part of a connection by which its calls get deadlines. */
export abstract class Timing extends Sending {
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

  protected setInstants(instant: number, reading: boolean, writing: boolean): void {
    if (this.flags & SHUT) throw this.gone('set');
    if (writing) this.fd.writer.setDeadline(instant);
    if (!reading) return;
    const rare = this.some;
    rare.readDeadline = instant;
    this.flags = instant === 0 ? this.flags & ~LIMITED : this.flags | LIMITED;
    if (instant === 0) {
      if (this.host.limits.readTimeout === 0) this.disarmRead();
      return;
    }
    if (this.input === null || this.input.needed === 0) return;
    if (instant > now()) {
      this.armRead(instant, 0);
    } else {
      // Whoever moves it forward again before the waiter would have run has seen no timeout.
      queueMicrotask(() => {
        if (this.flags & LIMITED && rare.readDeadline <= now()) this.failRead();
      });
    }
  }
}
