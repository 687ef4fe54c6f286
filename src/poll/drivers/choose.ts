import { readFileSync } from 'node:fs';
import type { Driver } from '../driver.ts';
import { DriverError, decision } from './choice.ts';
import { EpollDriver } from './epoll/driver.ts';
import { PortableDriver } from './portable/driver.ts';
import { oncePerProcess } from './process-once.ts';

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

/**
 * The driver of this thread. Says once a process, on stderr, that a lesser one than this platform could have runs.
 *
 * @throws DriverError when `GOPARK_DRIVER` names one that does not exist or cannot run.
 */
export function chooseDriver(): Driver {
  const { choice, native } = decision();
  if (choice.driver === null) throw new DriverError(choice.why);
  const slots = Math.min(MOST_SLOTS, Math.max(1024, descriptorLimit()));
  if (native !== null) {
    return new EpollDriver(native, {
      slots,
      inbound: 1 << 20,
      outbound: 1 << 20,
      maxRecv: 16 * 1024,
    });
  }
  if (choice.degraded && oncePerProcess()) {
    console.error(`gopark: the portable driver runs, because epoll cannot: ${choice.others[0]!.why}`);
  }
  return new PortableDriver({ slots });
}
