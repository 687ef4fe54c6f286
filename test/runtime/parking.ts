import { type Parked, park } from '#dist/runtime/park.js';
import { beginWait, endWait, Wait } from '#dist/runtime/waits.js';

/** What a lock is made of: a wait that only somebody else ends. */
export class Parking extends Wait implements Parked<void> {
  readonly waitReason = 'sync.Mutex.Lock';
  resolve!: () => void;
  reject!: (reason: unknown) => void;
  readonly detail: string;

  constructor(detail = '') {
    super();
    this.detail = detail;
  }

  enter(): Promise<void> {
    const promise = park<void>(this);
    beginWait(this);
    return promise;
  }

  leave(): void {
    endWait(this);
    this.resolve();
  }

  /** As if its caller had given a signal. */
  withSignal = false;

  override get mayEndByItself(): boolean {
    return this.withSignal;
  }

  override describeWait(): string {
    return this.detail;
  }
}
