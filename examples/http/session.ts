import { STATUS_CODES } from 'node:http';
import type { Connection } from 'gopark/eventloop';
import { limits } from './limits.ts';
import {
  copy,
  execute,
  FAILED,
  giveParser,
  INPUT_SIZE,
  inputFrom,
  isVersion10,
  methodOf,
  offsetOf,
  PAUSED,
  type ParserEvents,
  reasonOf,
  takeParser,
  text,
} from './llhttp.ts';
import { Request } from './request.ts';
import { type Response, writeResponse } from './response.ts';

export type Handler = (request: Request) => Response | Promise<Response>;

/** One connection: its requests one after the other, their responses in the same order. */
export class Session implements ParserEvents {
  readonly #conn: Connection;
  readonly #handler: Handler;
  /** 0: between two requests it has none. */
  #parser = 0;
  /** When the request that is not whole began; 0: there is none. */
  #since = 0;
  #request: Request | null = null;
  /** The beginning of a head, or what came behind a request that is being answered. */
  #rest: Uint8Array | null = null;
  /** A handler waits; what comes meanwhile waits, too. */
  #busy = false;
  #closing = false;
  /** What is wrong with the request, if it was not the parser that found it. */
  #refusal = 0;
  // The head that is being parsed.
  #start = 0;
  #urlStart = 0;
  #urlEnd = 0;
  #ranges: number[] = [];
  #expectsValue = false;

  constructor(conn: Connection, handler: Handler) {
    this.#conn = conn;
    this.#handler = handler;
  }

  /** Something has come. */
  receive(): void {
    const conn = this.#conn;
    if (this.#busy) {
      // A peer that sends on and on while its request is being answered has to wait.
      if (conn.len >= INPUT_SIZE) conn.pause();
      return;
    }
    let more = true;
    while (more && !this.#busy && !this.#closing) {
      const length = this.#read();
      if (length === 0) break;
      const used = this.#parse(length);
      if (used < length && !this.#closing) this.#rest = copy(used, length);
      more = conn.isActive && conn.len > 0;
    }
    this.#flush();
    if (conn.ended && !this.#busy && !this.#closing) this.#close();
  }

  /** Puts what there is into the parser's input, and gives how much it is. */
  #read(): number {
    const rest = this.#rest;
    let length = 0;
    if (rest !== null) {
      inputFrom(0).set(rest);
      length = rest.length;
      this.#rest = null;
    }
    if (this.#conn.len > 0 && length < INPUT_SIZE) length += this.#conn.tryRead(inputFrom(length)) ?? 0;
    return length;
  }

  #flush(): void {
    const conn = this.#conn;
    if (conn.mallocLen === 0) return;
    const sent = conn.writer.flush();
    // A connection that fails is closed by its loop. What has gone already cannot fail.
    if (conn.unsentLength > 0 || !conn.isActive) sent.catch(() => {});
  }

  #close(): void {
    this.#closing = true;
    // What the peer does not take any more is nobody's loss.
    if (this.#conn.isActive) this.#conn.close().catch(() => {});
  }

  /** The connection is gone. */
  ended(): void {
    this.#closing = true;
    this.#giveParser();
  }

  #giveParser(): void {
    if (this.#parser !== 0) giveParser(this.#parser);
    this.#parser = 0;
  }

  /** Answers all requests in the input and gives how many bytes they were; the rest comes again, with what follows. */
  #parse(length: number): number {
    for (let at = 0; at < length; ) {
      if (this.#parser === 0) this.#parser = takeParser();
      if (this.#request === null) this.#begin(at);
      const { status, end } = execute(this.#parser, at, length, this);
      if (status === PAUSED) {
        this.#complete();
        at = end;
        if (this.#busy || this.#closing) return at;
      } else if (status === 0) {
        return this.#unfinished(at, length);
      } else {
        if (this.#refusal === 0) this.#refuse(400, reasonOf(this.#parser));
        else this.#refuse(this.#refusal, STATUS_CODES[this.#refusal]!);
        return length;
      }
    }
    return length;
  }

  #begin(at: number): void {
    this.#start = at;
    this.#ranges = [];
    this.#expectsValue = false;
  }

  /** All was parsed, and the request is not whole. */
  #unfinished(at: number, length: number): number {
    const now = performance.now();
    if (this.#since === 0) this.#since = now;
    else if (now - this.#since > limits.requestTime) this.#refuse(408, 'too slow');
    if (this.#request !== null) return length;
    if (length - at >= limits.head) this.#refuse(431, 'too long');
    // A head is parsed when all of it is there: again from its beginning.
    this.#giveParser();
    return at;
  }

  #complete(): void {
    const request = this.#request!;
    this.#request = null;
    this.#since = 0;
    // Between two requests a connection holds none.
    if (request.keepAlive) this.#giveParser();
    let response: Response | Promise<Response>;
    try {
      response = this.#handler(request);
    } catch (error) {
      response = failed(error);
    }
    if (response instanceof Promise) {
      this.#busy = true;
      this.#flush();
      response.catch(failed).then((settled) => this.#goOn(request, settled));
    } else {
      this.#respond(request, response);
    }
  }

  #goOn(request: Request, response: Response): void {
    this.#busy = false;
    if (!this.#conn.isActive) return;
    this.#respond(request, response);
    this.#conn.resume();
    if (!this.#closing) this.receive();
  }

  #respond(request: Request, response: Response): void {
    const { keepAlive } = request;
    writeResponse(this.#conn.writer, request, response, keepAlive);
    if (keepAlive) return;
    this.#flush();
    this.#close();
  }

  #refuse(status: number, reason: string): void {
    if (this.#closing) return;
    this.#giveParser();
    this.#request = null;
    writeResponse(this.#conn.writer, null, { status, body: `${reason}\n` }, false);
    this.#flush();
    this.#close();
  }

  // What the parser tells

  url(at: number, length: number): number {
    this.#urlStart = offsetOf(at);
    this.#urlEnd = this.#urlStart + length;
    return 0;
  }

  headerName(at: number, length: number): number {
    // Those behind a body in chunks are passed over.
    if (this.#request !== null) return 0;
    if (this.#ranges.length >= limits.headers * 4) return this.#fail(431);
    const start = offsetOf(at) - this.#start;
    this.#ranges.push(start, start + length, 0, 0);
    this.#expectsValue = true;
    return 0;
  }

  headerValue(at: number, length: number): number {
    if (this.#request !== null) return 0;
    // A value of several lines.
    if (!this.#expectsValue) return this.#fail(400);
    this.#expectsValue = false;
    const ranges = this.#ranges;
    const start = offsetOf(at) - this.#start;
    ranges[ranges.length - 2] = start;
    ranges[ranges.length - 1] = start + length;
    return 0;
  }

  headersComplete(keepAlive: boolean): number {
    const start = this.#start;
    const ranges = this.#ranges;
    const end = ranges.length > 0 ? start + Math.max(ranges.at(-1)!, ranges.at(-3)!) : this.#urlEnd;
    if (end - start > limits.head) return this.#fail(431);
    this.#request = new Request(text(start, end), ranges, {
      method: methodOf(this.#parser),
      urlStart: this.#urlStart - start,
      urlEnd: this.#urlEnd - start,
      keepAlive,
      isVersion10: isVersion10(this.#parser),
    });
    this.#ranges = [];
    if (this.#request.header('host') === undefined && !this.#request.isVersion10) return this.#fail(400);
    const length = this.#request.header('content-length');
    if (length !== undefined && Number(length) > limits.body) return this.#fail(413);
    if (this.#request.header('expect')?.toLowerCase() === '100-continue') {
      this.#conn.writer.writeString('HTTP/1.1 100 Continue\r\n\r\n');
    }
    return 0;
  }

  body(at: number, length: number): number {
    const request = this.#request!;
    if (request.bodyLength + length > limits.body) return this.#fail(413);
    const start = offsetOf(at);
    request.addBody(copy(start, start + length));
    return 0;
  }

  #fail(status: number): number {
    this.#refusal = status;
    return FAILED;
  }
}

/** A handler's error is the server's fault; what it says is for the log, not for the client. */
function failed(error: unknown): Response {
  console.error(error);
  return { status: 500, body: 'Internal Server Error\n' };
}
