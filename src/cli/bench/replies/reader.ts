import { IOError } from '../../../io/index.ts';

/** Finds answers in the bytes that a server sends. One for each connection, from its beginning on. */
export interface ReplyReader {
  /** How many answers end in `p[from, to)`, which belongs to the caller again afterwards. @throws BadReplyError */
  take(p: Uint8Array, from: number, to: number): number;
  /** How many answers up to now were well-formed refusals: an error of Redis, HTTP 400 and above. */
  readonly refusals: number;
}

/** What came is no answer: the connection cannot be used any further. */
export class BadReplyError extends IOError {
  constructor(reason: string) {
    super('ERR_BAD_REPLY', reason);
  }
}
