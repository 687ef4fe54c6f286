/** What the first bytes of a connection say. */
export type Hello =
  /** Not enough of them to tell. */
  | { readonly kind: 'more' }
  /** A whole ClientHello; `serverName` in lower case, null where it names nobody. */
  | { readonly kind: 'hello'; readonly serverName: string | null }
  /** Not TLS, or not well-formed. */
  | { readonly kind: 'other'; readonly reason: string };

/** The longest beginning that is looked at, in bytes. Browsers send some 2 KB with post-quantum keys. */
export const LONGEST_HELLO = 16 * 1024;

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
/** Most are not longer. */
const FIRST_SIZE = 2048;
const SERVER_NAME = 0;
const HOST_NAME = 0;
/** Of a record that is not encrypted. */
const LONGEST_RECORD = 1 << 14;

const MORE: Hello = { kind: 'more' };

function other(reason: string): Hello {
  return { kind: 'other', reason };
}

class Malformed extends Error {}

/** Walks over bytes, and never beyond them. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  number(bytes: 1 | 2): number {
    const at = this.skip(bytes);
    return bytes === 1 ? this.#bytes[at]! : this.#bytes[at]! * 256 + this.#bytes[at + 1]!;
  }

  /** Where the skipped bytes begin. */
  skip(count: number): number {
    if (count > this.left) throw new Malformed();
    this.#at += count;
    return this.#at - count;
  }

  /** What follows a length of so many bytes. */
  vector(lengthBytes: 1 | 2): Cursor {
    const length = this.number(lengthBytes);
    const at = this.skip(length);
    return new Cursor(this.#bytes, at, at + length);
  }

  text(): string {
    return String.fromCharCode(...this.#bytes.subarray(this.#at, this.#end));
  }
}

/** A name that somebody may have a route for: what else is in there belongs to no host. */
function hostName(text: string): string {
  if (text.length > 255 || !/^[\w-]+(\.[\w-]+)*\.?$/.test(text)) throw new Malformed();
  return text.toLowerCase().replace(/\.$/, '');
}

function serverNameIn(extension: Cursor): string | null {
  for (const names = extension.vector(2); names.left > 0; ) {
    const type = names.number(1);
    const name = names.vector(2);
    if (type === HOST_NAME) return hostName(name.text());
  }
  return null;
}

function parseBody(body: Cursor): string | null {
  body.skip(2 + 32); // legacy_version, random
  body.vector(1); // legacy_session_id
  body.vector(2); // cipher_suites
  body.vector(1); // legacy_compression_methods
  if (body.left === 0) return null;
  for (const extensions = body.vector(2); extensions.left > 0; ) {
    const type = extensions.number(2);
    const extension = extensions.vector(2);
    if (type === SERVER_NAME) return serverNameIn(extension);
  }
  return null;
}

/**
 * Reads the ClientHello (RFC 8446, 4.1.2, in records as of 5.1) that a connection begins with, for the name of the
 * server in it (RFC 6066, 3). The message may come in any number of records, and these in any number of pieces: every
 * byte is looked at once.
 */
export class ClientHelloReader {
  readonly #header = new Uint8Array(RECORD_HEADER);
  /** Bytes of the record's header that have come. */
  #headed = 0;
  /** Bytes of the record's body that have not. */
  #left = 0;
  /** The message without the headers of its records. */
  #message = new Uint8Array(FIRST_SIZE);
  #length = 0;
  #total = 0;

  /** What all bytes up to and including `p` say, at most LONGEST_HELLO of them. Not to be called after an answer. */
  take(p: Uint8Array): Hello {
    this.#total += p.length;
    for (let at = 0; at < p.length; ) {
      if (this.#left > 0) {
        const part = p.subarray(at, at + this.#left);
        at += part.length;
        this.#left -= part.length;
        if (this.#left === 0) this.#headed = 0;
        const found = this.#append(part);
        if (found !== MORE) return found;
      } else {
        this.#header[this.#headed++] = p[at++]!;
        const objection = this.#objection();
        if (objection !== null) return other(objection);
        if (this.#headed === RECORD_HEADER) this.#left = this.#header[3]! * 256 + this.#header[4]!;
      }
    }
    return this.#total < LONGEST_HELLO ? MORE : other('the ClientHello is too long');
  }

  /** What is wrong with as much of the record's header as there is. */
  #objection(): string | null {
    const header = this.#header;
    if (header[0] !== HANDSHAKE) return 'no TLS handshake';
    if (this.#headed > 1 && header[1] !== 3) return 'unknown version of TLS';
    if (this.#headed < RECORD_HEADER) return null;
    const size = header[3]! * 256 + header[4]!;
    return size === 0 || size > LONGEST_RECORD ? 'a record of impossible length' : null;
  }

  #append(part: Uint8Array): Hello {
    const length = this.#length + part.length;
    if (length > this.#message.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#message.length));
      larger.set(this.#message);
      this.#message = larger;
    }
    const message = this.#message;
    message.set(part, this.#length);
    this.#length = length;
    if (message[0] !== CLIENT_HELLO) return other('the handshake does not begin with a ClientHello');
    if (length < MESSAGE_HEADER) return MORE;
    const end = MESSAGE_HEADER + message[1]! * 65_536 + message[2]! * 256 + message[3]!;
    if (end > LONGEST_HELLO) return other('the ClientHello is too long');
    if (length < end) return MORE;
    try {
      return { kind: 'hello', serverName: parseBody(new Cursor(message, MESSAGE_HEADER, end)) };
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return other('the ClientHello is malformed');
    }
  }
}

/** The same for bytes that are all there. */
export function parseClientHello(bytes: Uint8Array): Hello {
  return new ClientHelloReader().take(bytes);
}
