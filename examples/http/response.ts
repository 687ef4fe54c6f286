import { STATUS_CODES } from 'node:http';
import type { LinkWriter } from 'gopark/linkbuffer';
import type { Request } from './request.ts';

/** What a handler answers. */
export interface Response {
  /** 200 unless given. */
  readonly status?: number;
  /** `text/plain` unless given. */
  readonly type?: string;
  readonly body?: string | Uint8Array;
  /** Others than Content-Type, Content-Length, Date and Connection. */
  readonly headers?: Readonly<Record<string, string>>;
}

let dateLine = '';
let dateUntil = 0;

/** It changes once a second. */
function date(): string {
  const now = Date.now();
  if (now >= dateUntil) {
    dateUntil = now - (now % 1000) + 1000;
    dateLine = `Date: ${new Date(now).toUTCString()}\r\n`;
  }
  return dateLine;
}

const statusLines: string[] = [];
function statusLine(status: number): string {
  statusLines[status] ??= `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  return statusLines[status]!;
}

/** A name or a value from somewhere else must not become a line of its own. */
const LINE_END = /[\r\n\0]/;

function otherHeaders(headers: Readonly<Record<string, string>>): string {
  let lines = '';
  for (const [name, value] of Object.entries(headers)) {
    if (LINE_END.test(name) || LINE_END.test(value))
      throw new TypeError(`header ${JSON.stringify(name)} has a line end`);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function connectionLine(request: Request | null, keepAlive: boolean): string {
  if (!keepAlive) return 'Connection: close\r\n';
  return request?.isVersion10 ? 'Connection: keep-alive\r\n' : '';
}

/** Puts the response to `request` (null: one that could not be read) behind what is written. */
export function writeResponse(
  writer: LinkWriter,
  request: Request | null,
  { status = 200, type = 'text/plain', body = '', headers }: Response,
  keepAlive: boolean,
): void {
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const head =
    `${statusLine(status)}Content-Type: ${type}\r\nContent-Length: ${length}\r\n${date()}` +
    `${headers === undefined ? '' : otherHeaders(headers)}${connectionLine(request, keepAlive)}\r\n`;
  if (request !== null && request.method === 'HEAD') {
    writer.writeString(head);
  } else if (typeof body === 'string') {
    writer.writeString(head + body);
  } else {
    writer.writeString(head);
    // The connection keeps a large one itself until it is sent.
    writer.writeBinary(body);
  }
}
