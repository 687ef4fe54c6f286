import type { Queued } from '../wait-queue.ts';
import { WaitQueue } from '../wait-queue.ts';
import type { Listener } from './listener.ts';

/** A queue of parked calls that another thread may have to wake: with the first one the listening begins. */
export class ListeningQueue<W extends Queued<W>> extends WaitQueue<W> {
  listener: Listener | null = null;

  override push(waiter: W): void {
    super.push(waiter);
    this.listener!.listen();
  }

  override remove(waiter: W): void {
    super.remove(waiter);
    if (this.first === null) this.listener!.rest();
  }
}
