import { Lines } from './lines.ts';
import { BadReplyError, type ReplyReader } from './reader.ts';

/** HTTP/1.1 responses with a Content-Length. */
export class HTTPReplies implements ReplyReader {
  refusals = 0;
  readonly #lines = new Lines();
  /** 0: the status line is next. */
  #status = 0;
  #length: number | null = null;
  /** Bytes of the body that are still to come. */
  #body = 0;

  take(p: Uint8Array, from: number, to: number): number {
    let replies = 0;
    for (let at = from; at < to; ) {
      if (this.#body > 0) {
        const some = Math.min(this.#body, to - at);
        this.#body -= some;
        at += some;
        if (this.#body === 0) replies++;
        continue;
      }
      const found = this.#lines.next(p, at, to);
      if (found === null) break;
      at = found.end;
      if (this.#status === 0) this.#begin(found.line);
      else if (found.line !== '') this.#header(found.line);
      else replies += this.#headersEnd();
    }
    return replies;
  }

  #begin(line: string): void {
    const status = /^HTTP\/1\.[01] (\d{3})\b/.exec(line)?.[1];
    if (status === undefined) {
      throw new BadReplyError(`no status line of HTTP/1.1: ${JSON.stringify(line.slice(0, 60))}`);
    }
    this.#status = Number(status);
    this.#length = null;
  }

  #header(line: string): void {
    const [, name, value] = /^([^:\s]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (name?.toLowerCase() !== 'content-length') return;
    if (!/^\d{1,15}$/.test(value!)) throw new BadReplyError(`Content-Length: ${JSON.stringify(value)}`);
    this.#length = Number(value);
  }

  /** How many responses that ends: 1 without a body, 0 with one. */
  #headersEnd(): number {
    const status = this.#status;
    this.#status = 0;
    // 100 Continue and its like announce the response proper.
    if (status < 200) return 0;
    if (status >= 400) this.refusals++;
    if (status === 204 || status === 304) return 1;
    if (this.#length === null) {
      throw new BadReplyError('a response without Content-Length: where it ends is not known (chunked?)');
    }
    this.#body = this.#length;
    return this.#body === 0 ? 1 : 0;
  }
}
