import { readFileSync } from 'node:fs';
import type { Driver } from '../driver.ts';
import { EpollDriver } from './epoll/driver.ts';
import { loadNative } from './epoll/native.ts';
import { PortableDriver } from './portable/driver.ts';

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
  if (forced !== undefined && forced !== '' && forced !== 'epoll' && forced !== 'portable') {
    throw new Error(`GOPARK_DRIVER=${forced}: there are epoll and portable`);
  }
  const slots = Math.min(MOST_SLOTS, Math.max(1024, descriptorLimit()));
  if (forced === 'portable') return new PortableDriver({ slots });
  let native: ReturnType<typeof loadNative>;
  try {
    native = loadNative();
  } catch (cause) {
    throw new Error('gopark: the epoll driver cannot run here, and this version has no other', { cause });
  }
  return new EpollDriver(native, {
    slots,
    inbound: 1 << 20,
    outbound: 1 << 20,
    maxRecv: 16 * 1024,
  });
}
