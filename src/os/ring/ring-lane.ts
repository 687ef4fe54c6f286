import { findNative, type Native } from '../../poll/drivers/epoll/native.ts';
import { type Refusal, Ring } from '../../poll/drivers/uring/ring.ts';
import { threadRing } from '../../poll/drivers/uring/thread-ring.ts';
import { describeRefusal } from '../../poll/drivers/uring/trial.ts';
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

/** Why files cannot go through a ring here; null: they can. */
export function whyNoFileRing(): string | null {
  const tried: Ring[] = [];
  const opened = openRing((native) => {
    const ring = Ring.open(native, { submissions: 8, completions: 16 });
    if (ring instanceof Ring) tried.push(ring);
    return ring;
  });
  for (const ring of tried) ring.close();
  return 'why' in opened ? opened.why : null;
}

/** A lane over the ring of this thread, which connections may use, too; or why there is none. */
export function openRingLane(): Lane | { readonly why: string } {
  const opened = openRing(threadRing);
  if ('why' in opened) return opened;
  const { ring, native } = opened;
  // What blocks is done by threads of the kernel's, which are this process's threads: so many, as Node has of its own.
  ring.register(REGISTER_WORKERS, Uint32Array.of(threadPoolSize(), 0), 2);
  const engine = new RingEngine(ring, native, new OwnDescriptors(native));
  return { engine, pool: new FilePool((onFree) => new RingBound(onFree)) };
}

/** A ring that can do files, or why there is none. */
function openRing(
  open: (native: Native) => Ring | Refusal,
): { readonly ring: Ring; readonly native: Native } | { readonly why: string } {
  // It would not see what the ring opens.
  if ('permission' in process && process.permission) return { why: "Node's permission model is switched on" };
  const found = findNative();
  if ('why' in found) return found;
  const { native } = found;
  const ring = open(native);
  if (!(ring instanceof Ring)) return { why: describeRefusal(ring) };
  const lacking = RingEngine.lacks(ring);
  return lacking === null ? { ring, native } : { why: `this kernel's rings have no ${lacking}` };
}
