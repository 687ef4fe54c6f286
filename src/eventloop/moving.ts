import type { Addr } from '../net/addr.ts';
import { partsOf } from '../net/address-parts.ts';
import type { Detached } from '../net/detached.ts';
import { OpError, UnsupportedError } from '../net/errors.ts';
import { FAILED_MOVED, type Moved, sharedClockOffset } from '../poll/index.ts';
import { now } from '../runtime/clock.ts';
import { timers } from '../runtime/timers.ts';
import { Closing } from './closing.ts';
import { ARRIVING, GONE, LIMITED, MOVED, NEW, POLLER_SHIFT, SHUT } from './flags.ts';
import { CLOSED, IDLE } from './states.ts';

function joined(parts: readonly (Uint8Array | null)[]): Uint8Array | null {
  const there = parts.filter((part) => part !== null && part.length > 0) as Uint8Array[];
  if (there.length === 0) return null;
  const all = new Uint8Array(there.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of there) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The part of a connection by which it changes its owner: another event loop, a goroutine, another thread. */
export abstract class Moving extends Closing {
  /**
   * Gives the connection away, between requests: to `EventLoop.adopt` or `net.adopt`, in this thread or another one.
   * Unread bytes, and those that were written and have not gone, travel with it; handler and context do not (`state`
   * does). Every call here fails with DetachedError from now on; no callback runs any more, close callbacks included.
   *
   * @throws as rejections: OpError `ERR_BUSY` while a callback of it runs, ClosedError, UnsupportedError where the
   * driver lacks 'leases', or what made it impossible: then the connection is closed.
   */
  detach(): Promise<Detached<undefined>>;
  detach<S>(state: S): Promise<Detached<S>>;
  async detach(state?: unknown): Promise<Detached> {
    const { poller, family, balance, limits } = this.host;
    const { driver } = poller;
    if (driver.leases === undefined) throw new UnsupportedError(driver.name, 'leases');
    if (this.flags & SHUT) throw this.gone('detach');
    if (this.phase !== IDLE) {
      throw new OpError('ERR_BUSY', 'a callback of the connection runs', this.details('detach'));
    }
    const rare = this.some;
    const [local, remote] = [partsOf(this.localAddr), partsOf(this.remoteAddr)];
    const unread = this.#takeInput();
    driver.stream(this.fd.slot, 0);
    this.flags |= SHUT | MOVED;
    if (rare.timer !== null) timers.delete(rare.timer);
    // Not a deadline: our idle time.
    if (limits.idleTimeout > 0) poller.deadlines[2 * this.fd.slot] = 0;
    this.output?.publish();
    const moved = await this.fd.leave();
    const unsent = this.#takeOutput();
    driver.release();
    if (typeof moved === 'number') {
      this.lose();
      throw this.error('detach', -moved);
    }
    this.phase = CLOSED;
    this.flags |= GONE;
    balance.left((this.flags >>> POLLER_SHIFT) & 63);
    this.host.left(this as never);
    const deadline = this.flags & LIMITED ? rare.readDeadline + sharedClockOffset(now()) : 0;
    return {
      network: family.network,
      state,
      settings: family.settings,
      local,
      remote,
      connected: true,
      moved: {
        ...moved,
        inbound: joined([unread, ...(rare.late ?? []), moved.inbound]),
        outbound: joined([moved.outbound, unsent]),
        failed: moved.failed || rare.lateFailure,
        readDeadline: deadline,
      },
    };
  }

  /** It is not to be had any more: as after a close. */
  protected abstract lose(): void;

  #takeInput(): Uint8Array | null {
    const { input } = this;
    if (input === null) return null;
    this.input = null;
    input.fail(this.error('read', FAILED_MOVED));
    const unread = input.len > 0 ? (input.tryReadBinary(input.len) ?? null) : null;
    input.close();
    return unread;
  }

  #takeOutput(): Uint8Array | null {
    const { output } = this;
    if (output === null) return null;
    this.output = null;
    const unsent = output.len > 0 ? (output.tryReadBinary(output.len) ?? null) : null;
    output.close();
    return unsent;
  }

  /** @internal It has come from another owner, and goes on where that one has left off. */
  arrive(moved: Moved, localAddr: Addr, remoteAddr: Addr): void {
    const rare = this.some;
    rare.localAddr = localAddr;
    rare.remoteAddr = remoteAddr;
    this.fd.arrive({ ...moved, inbound: null, readDeadline: 0 });
    if (moved.readDeadline !== 0) {
      rare.readDeadline = moved.readDeadline - sharedClockOffset(now());
      this.flags |= LIMITED;
    }
    const { inbound } = moved;
    if (inbound === null || inbound.length === 0) return;
    const input = this.attach();
    this.flags |= ARRIVING | NEW;
    input.lend(inbound);
    input.settleLent();
    this.flags &= ~ARRIVING;
  }
}
