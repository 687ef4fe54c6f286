import { readFileSync } from 'node:fs';
import type { Driver } from '../driver.ts';
import { DriverError, finalDecision, reviseChoice } from './choice.ts';
import { EpollDriver } from './epoll/driver.ts';
import type { Sizes } from './epoll/layout.ts';
import type { Native } from './epoll/native.ts';
import { PortableDriver } from './portable/driver.ts';
import { oncePerProcess } from './process-once.ts';
import { UringDriver } from './uring/driver.ts';
import { type Refusal, Ring } from './uring/ring.ts';
import { threadRing } from './uring/thread-ring.ts';

/** More slots than this no process needs; a limit of "unlimited" must not reserve memory without bound. */
const MOST_SLOTS = 1 << 20;

/** What the system lets this process open, as far as it says. */
function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined || soft === 'unlimited' ? MOST_SLOTS : Number(soft);
  } catch {
    return MOST_SLOTS;
  }
}

const MEMORY = { inbound: 1 << 20, outbound: 1 << 20, maxRecv: 16 * 1024 };
/** What connections receive into: as much as the caches hold. */
const BUFFERS = { incremental: { count: 16, size: 256 * 1024 }, whole: { count: 64, size: 64 * 1024 } };

/**
 * The driver of this thread. Says once a process, on stderr, that a lesser one than this platform could have runs.
 *
 * @throws DriverError when `GOPARK_DRIVER` names one that does not exist, or one that was asked for cannot run.
 */
export function chooseDriver(): Driver {
  const slots = Math.min(MOST_SLOTS, Math.max(1024, descriptorLimit()));
  let decided = finalDecision();
  let driver: Driver | null = null;
  if (decided.choice.driver === 'uring') {
    const made = makeUring(decided.native!, { slots, ...MEMORY });
    if (made instanceof UringDriver) driver = made;
    else decided = reviseChoice(decided, made);
  }
  const { choice, native } = decided;
  if (choice.driver === null) throw new DriverError(choice.why);
  if (choice.degraded && oncePerProcess()) {
    const { driver: better, why } = choice.others[0]!;
    console.error(
      `gopark: the ${choice.driver} driver runs, because ${better} cannot: ${why} (what to do: npx gopark doctor)`,
    );
  }
  if (driver !== null) return driver;
  return native === null ? new PortableDriver({ slots }) : new EpollDriver(native, { slots, ...MEMORY });
}

function makeUring(native: Native, sizes: Sizes): UringDriver | Refusal {
  const ring = threadRing(native);
  return ring instanceof Ring ? UringDriver.on(ring, native, sizes, BUFFERS) : ring;
}
