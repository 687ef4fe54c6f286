import { Lines } from './lines.ts';
import { BadReplyError, type ReplyReader } from './reader.ts';

/** How many values follow for each that an aggregate counts. */
const AGGREGATES: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 };

/** Redis's protocol, versions 2 and 3. Pushed messages (`>`) count as answers: do not subscribe. */
export class RESPReplies implements ReplyReader {
  refusals = 0;
  readonly #lines = new Lines();
  /** Values until this answer is whole. */
  #pending = 1;
  /** Bytes of a string, with its line end, that are still to come. */
  #skip = 0;

  take(p: Uint8Array, from: number, to: number): number {
    let replies = 0;
    for (let at = from; at < to; ) {
      if (this.#skip > 0) {
        const some = Math.min(this.#skip, to - at);
        this.#skip -= some;
        at += some;
        if (this.#skip > 0) break;
      } else {
        const found = this.#lines.next(p, at, to);
        if (found === null) break;
        at = found.end;
        this.#value(found.line);
        if (this.#skip > 0) continue;
      }
      if (this.#pending === 0) {
        replies++;
        this.#pending = 1;
      }
    }
    return replies;
  }

  #value(line: string): void {
    const kind = line[0] ?? '';
    if (kind === '-' && this.#pending === 1) this.refusals++;
    this.#pending--;
    if ('+-:,_#('.includes(kind) && kind !== '') return;
    const count = Number(line.slice(1));
    const perValue = AGGREGATES[kind];
    if (!/^-?\d{1,10}$/.test(line.slice(1)) || (perValue === undefined && !'$=!'.includes(kind))) {
      throw new BadReplyError(`no RESP: ${JSON.stringify(line.slice(0, 60))}`);
    }
    // -1: a null.
    if (count < 0) return;
    if (perValue === undefined) this.#skip = count + 2;
    else this.#pending += count * perValue + (kind === '|' ? 1 : 0);
  }
}
