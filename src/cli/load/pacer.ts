import { now } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/index.ts';

/** How often what is due is sent, in milliseconds. */
const PACE = 1;
/** A driver on time sends within so many milliseconds of the schedule. */
const ON_TIME = 2 * PACE;

/**
 * Calls `send` at `rate` a second until `end`, whatever becomes of what was sent: an open loop. `since` is the
 * instant from which latency counts: now, or, when this process is late, when it should have been. So a stall of
 * the driver or of the kernel hides no wait behind it.
 */
export async function paced(
  rate: number,
  end: number,
  send: (index: number, since: number) => void,
): Promise<void> {
  if (rate === 0) return;
  const start = now();
  for (let sent = 0; ; await sleep(PACE)) {
    const instant = now();
    const due = Math.floor(((Math.min(instant, end) - start) / 1000) * rate);
    for (; sent < due; sent++) send(sent, Math.min(now(), start + ((sent + 1) / rate) * 1000 + ON_TIME));
    if (instant >= end) return;
  }
}
