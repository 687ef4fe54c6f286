import { readFileSync } from 'node:fs';
import type { Driver } from '../driver.ts';
import { EpollDriver } from './epoll/driver.ts';
import { loadNative } from './epoll/native.ts';

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

/** The driver of this thread. */
export function chooseDriver(): Driver {
  const forced = process.env.GOPARK_DRIVER;
  if (forced !== undefined && forced !== '' && forced !== 'epoll') {
    throw new Error(`GOPARK_DRIVER=${forced}: this version of gopark has one driver, epoll`);
  }
  let native: ReturnType<typeof loadNative>;
  try {
    native = loadNative();
  } catch (cause) {
    throw new Error('gopark: the epoll driver cannot run here, and this version has no other', { cause });
  }
  return new EpollDriver(native, {
    slots: Math.min(MOST_SLOTS, Math.max(1024, descriptorLimit())),
    inbound: 1 << 20,
    outbound: 1 << 20,
    maxRecv: 16 * 1024,
  });
}
