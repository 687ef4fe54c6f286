import { BadReplyError } from './reader.ts';

const NEWLINE = 10;
const LONGEST = 64 * 1024;

/** Takes lines out of pieces, without their end. What is not whole yet is kept. */
export class Lines {
  #carry: Uint8Array | null = null;

  /** The line of `p[0, to)` that begins at `at`, and where what follows it begins; null: it is not whole, and kept. */
  next(p: Uint8Array, at: number, to: number): { line: string; end: number } | null {
    const rest = p.subarray(at, to);
    const length = rest.indexOf(NEWLINE);
    const newline = length < 0 ? -1 : at + length;
    const piece = length < 0 ? rest : rest.subarray(0, length);
    const carry = this.#carry;
    if ((carry?.length ?? 0) + piece.length > LONGEST) {
      throw new BadReplyError(`a line of an answer is longer than ${LONGEST} bytes`);
    }
    const whole = carry === null ? piece : Buffer.concat([carry, piece]);
    this.#carry = newline < 0 && whole.length > 0 ? new Uint8Array(whole) : null;
    if (newline < 0) return null;
    const line = Buffer.from(whole.buffer, whole.byteOffset, whole.length).toString('latin1');
    return { line: line.endsWith('\r') ? line.slice(0, -1) : line, end: newline + 1 };
  }
}
