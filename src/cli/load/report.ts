/** What the load driver tells its parent: one JSON line a second, one at the end of a phase. Times are microseconds. */
export interface Progress {
  kind: 'ramp' | 'ready' | 'second' | 'end';
  connected: number;
  /** Of this second; in the last report of the whole phase. */
  orders: number;
  acks: number;
  ticks: number;
  p50: number;
  p99: number;
  max: number;
  /** Seconds that the counts are of. */
  seconds: number;
  /** Orders without an answer; meaningful in the last report only. */
  lost: number;
  /** What could not be sent, because the gateway had not taken the 64 KiB before it. */
  skipped: number;
  /** ERR lines, refusals and connections that ended by themselves. */
  errors: number;
  firstError: string;
}

export function parseProgress(line: string): Progress {
  return JSON.parse(line) as Progress;
}
