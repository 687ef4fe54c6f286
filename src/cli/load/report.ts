/** What the load driver tells its parent: one JSON line a second, and a last one. Times are microseconds. */
export interface Progress {
  kind: 'ramp' | 'second' | 'end';
  connected: number;
  /** Of this second; of the whole run in the last report. */
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
  /** ERR lines, refusals and connections that ended by themselves. */
  errors: number;
  firstError: string;
}

export function parseProgress(line: string): Progress {
  return JSON.parse(line) as Progress;
}
