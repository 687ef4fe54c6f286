import { UsageError } from '../gateway/usage.ts';
import { parseDuration } from '../proxy/durations.ts';

const MOST = 2 ** 40;

/** A number above 0 like 64, 20k or 1.5m; `kilo` is what k stands for: 1000, or 1024 where bytes are counted. @throws UsageError */
export function parseAmount(option: string, text: string, kilo: 1000 | 1024): number {
  const [, digits, unit] = /^(\d{1,12}(?:\.\d{1,6})?)([km]?)$/i.exec(text) ?? [];
  const factor = unit === undefined || unit === '' ? 1 : unit.toLowerCase() === 'k' ? kilo : kilo * kilo;
  const value = digits === undefined ? Number.NaN : Number(digits) * factor;
  if (Number.isInteger(value) && value >= 1 && value <= MOST) return value;
  throw new UsageError(
    `--${option}: expected a whole number above 0 like 64 or 20k, got ${JSON.stringify(text)}`,
  );
}

/** Milliseconds. A plain number is refused: who comes from other tools means seconds, who knows ours milliseconds. */
export function parseTime(option: string, text: string, least: 0 | 1): number {
  if (/^[1-9]\d*$/.test(text)) {
    throw new UsageError(`--${option}: ${text} of what? ${text}s or ${text}ms`);
  }
  return parseDuration(option, text, least);
}

/** Nanoseconds for people. */
export function formatTime(ns: number): string {
  if (ns < 999.5e3) return `${(ns / 1e3).toFixed(ns < 9.995e3 ? 1 : 0)} us`;
  if (ns < 999.5e6) return `${(ns / 1e6).toFixed(ns < 9.995e6 ? 2 : 1)} ms`;
  return `${(ns / 1e9).toFixed(2)} s`;
}

/** A count or rate for people: 12,345. */
export function formatCount(n: number): string {
  return n < 100 && !Number.isInteger(n) ? n.toFixed(1) : Math.round(n).toLocaleString('en');
}
