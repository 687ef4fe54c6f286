import { installDeadlockDetection } from './deadlock.ts';
import { installSignals } from './signals.ts';
import { atFirstWait } from './waits.ts';
import { installWatchdog } from './watchdog.ts';

let guarding = false;

/** What watches over a thread that uses goroutines: installed with the first goroutine, wait or poller. */
export function guard(): void {
  if (guarding) return;
  guarding = true;
  installSignals();
  installDeadlockDetection();
  installWatchdog();
}

atFirstWait(guard);
