import { findNative, type Native } from '../../poll/drivers/epoll/native.ts';
import { Ring } from '../../poll/drivers/uring/ring.ts';
import { errnoMessage, errnoName } from '../../poll/errno.ts';
import { threadPoolSize } from '../../runtime/threads.ts';
import type { Lane } from '../lanes.ts';
import { type Bound, FilePool } from '../pool.ts';
import { OwnDescriptors } from './own-descriptors.ts';
import { MOST_IN_FLIGHT, RingEngine } from './ring-engine.ts';

const REGISTER_WORKERS = 19;

/** As many operations as the engine has memory for. */
class RingBound implements Bound {
  held = 0;
  most = MOST_IN_FLIGHT;
  readonly limit = MOST_IN_FLIGHT;
  readonly limitReason = 'what the ring has memory for';
  readonly #onFree: () => void;

  constructor(onFree: () => void) {
    this.#onFree = onFree;
  }

  tryTake(): boolean {
    if (this.held >= this.most) return false;
    this.held++;
    return true;
  }

  giveBack(): void {
    this.held--;
    this.#onFree();
  }
}

/** A ring that can do files, or why there is none. */
function openRing(): { readonly ring: Ring; readonly native: Native } | { readonly why: string } {
  // It would not see what the ring opens.
  if ('permission' in process && process.permission) return { why: "Node's permission model is switched on" };
  const found = findNative();
  if ('why' in found) return found;
  const { native } = found;
  const ring = Ring.open(native, { submissions: 4 * MOST_IN_FLIGHT, completions: 4 * MOST_IN_FLIGHT });
  if (!(ring instanceof Ring)) {
    const { step, errno } = ring;
    return { why: `the kernel refuses ${step}: ${errnoName(errno)}, ${errnoMessage(errno)}` };
  }
  const lacking = RingEngine.lacks(ring);
  if (lacking !== null) {
    ring.close();
    return { why: `this kernel's rings have no ${lacking}` };
  }
  return { ring, native };
}

/** Why files cannot go through a ring here; null: they can. */
export function whyNoFileRing(): string | null {
  const opened = openRing();
  if ('why' in opened) return opened.why;
  opened.ring.close();
  return null;
}

/** A ring for the files of this thread, or why there is none. */
export function openRingLane(): Lane | { readonly why: string } {
  const opened = openRing();
  if ('why' in opened) return opened;
  const { ring, native } = opened;
  // What blocks is done by threads of the kernel's, which are this process's threads: so many, as Node has of its own.
  ring.register(REGISTER_WORKERS, Uint32Array.of(threadPoolSize(), 0), 2);
  const engine = new RingEngine(ring, native, new OwnDescriptors(native));
  return { engine, pool: new FilePool((onFree) => new RingBound(onFree)) };
}
