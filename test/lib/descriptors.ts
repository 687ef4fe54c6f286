import { readdirSync, readlinkSync } from 'node:fs';
import { until } from './waiting.ts';

/** What this process has open, as the system tells it: one text per descriptor. */
export function openDescriptors(): string[] {
  const found: string[] = [];
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      found.push(`${name} ${readlinkSync(`/proc/self/fd/${name}`)}`);
    } catch {
      // The directory's own, closed again.
    }
  }
  return found;
}

export function openSockets(): number {
  return openDescriptors().filter((entry) => entry.includes('socket:')).length;
}

/** Waits until at most `count` sockets are open. Closing by the peer's end of a test takes a turn or two. */
export async function socketsBackAt(count: number): Promise<void> {
  await until(() => openSockets() <= count, `open sockets back at ${count}`);
}
