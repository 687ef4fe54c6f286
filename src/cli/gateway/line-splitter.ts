import { LONGEST_LINE } from './protocol.ts';

const NEWLINE = 10;
const RETURN = 13;

/**
 * What `splitLines` leaves: the bytes that it gave to nobody, copied, or null when there are none; or that the next
 * line is too long already.
 */
export type Rest = Uint8Array | null | 'too long';

/**
 * Calls `onLine` with each whole line of `carry` + `bytes`, without its end (LF or CRLF), and returns what is left.
 * `carry` is the start of a line. Keeps at most LONGEST_LINE bytes of one, however much a peer sends: after
 * 'too long' there is nothing more to split. A line is valid only inside the call. `onLine` returns false to stop:
 * then the rest may hold whole lines, which want splitting later.
 */
export function splitLines(
  carry: Uint8Array | null,
  bytes: Uint8Array,
  onLine: (line: Uint8Array) => boolean,
): Rest {
  let start = 0;
  if (carry !== null) {
    const end = bytes.indexOf(NEWLINE);
    const stop = end < 0 ? bytes.length : end;
    if (carry.length + stop > LONGEST_LINE + 1) return 'too long';
    const line = new Uint8Array(carry.length + stop);
    line.set(carry);
    line.set(bytes.subarray(0, stop), carry.length);
    if (end < 0) return line;
    start = end + 1;
    const whole = withoutReturn(line, 0, line.length);
    if (whole.length > LONGEST_LINE) return 'too long';
    if (!onLine(whole)) return restOf(bytes, start);
  }
  for (;;) {
    const end = bytes.indexOf(NEWLINE, start);
    const stop = end < 0 ? bytes.length : end;
    // One byte of grace, for the CR that may stand before the LF.
    if (stop - start > LONGEST_LINE + 1) return 'too long';
    if (end < 0) return restOf(bytes, start);
    const line = withoutReturn(bytes, start, end);
    if (line.length > LONGEST_LINE) return 'too long';
    start = end + 1;
    if (!onLine(line)) return restOf(bytes, start);
  }
}

function restOf(bytes: Uint8Array, start: number): Uint8Array | null {
  return start === bytes.length ? null : bytes.slice(start);
}

function withoutReturn(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return bytes.subarray(start, end > start && bytes[end - 1] === RETURN ? end - 1 : end);
}
