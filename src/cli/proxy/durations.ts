import { UsageError } from '../gateway/usage.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** 24 days: what timers of the system can do. */
const LONGEST = 2 ** 31 - 1;

/** Milliseconds of '500ms', '5s', '10m', '1h' or plain '500'. `least`: 0 where 0 means something. @throws UsageError */
export function parseDuration(option: string, text: string, least: 0 | 1): number {
  const [, digits, unit = 'ms'] = /^(\d{1,10})(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = digits === undefined ? Number.NaN : Number(digits) * UNITS[unit]!;
  if (ms >= least && ms <= LONGEST) return ms;
  throw new UsageError(
    `--${option}: expected a time like 500ms, 5s or 10m${least === 1 ? ' above 0' : ''}, got ${JSON.stringify(text)}`,
  );
}

/** The same time in the shortest of these words. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0';
  for (const unit of ['h', 'm', 's'] as const)
    if (ms % UNITS[unit]! === 0) return `${ms / UNITS[unit]!}${unit}`;
  return `${ms}ms`;
}
