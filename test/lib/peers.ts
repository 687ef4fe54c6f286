import assert from 'node:assert/strict';
import { type Reader, readFull, type Writer } from 'gopark/io';
import type { Conn, OpError } from 'gopark/net';
import { sameBytes, text } from './bytes.ts';

const CHUNK = 1024;

/** Copies in pieces of 1 KiB until the end of `src`, and uses no fast path of either side. */
export async function chunkedCopy(dst: Writer, src: Reader): Promise<number> {
  const p = new Uint8Array(CHUNK);
  let total = 0;
  for (let n = await src.read(p); n !== null; n = await src.read(p)) {
    total += await dst.write(p.subarray(0, n));
  }
  return total;
}

/** Sends back whatever comes; how it ends is nobody's business. */
export async function echo(conn: Conn): Promise<void> {
  await chunkedCopy(conn, conn).catch(() => {});
}

/** Reads and forgets, until the end or an error. The bytes it has seen. */
export async function drain(conn: Conn): Promise<number> {
  const p = new Uint8Array(64 * 1024);
  let total = 0;
  try {
    for (let n = await conn.read(p); n !== null; n = await conn.read(p)) total += n;
  } catch {
    // So be it.
  }
  return total;
}

/** Everything until the end of the stream. */
export async function readToEnd(conn: Reader, size = 64 * 1024): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const p = new Uint8Array(size);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) parts.push(p.slice(0, n));
  return new Uint8Array(Buffer.concat(parts));
}

/** Exactly `count` bytes. */
export async function readExactly(conn: Reader, count: number): Promise<Uint8Array> {
  const p = new Uint8Array(count);
  assert.equal(await readFull(conn, p), count);
  return p;
}

/** Writes `p` again and again until that fails. The error. */
export async function writeForever(conn: Conn, p: Uint8Array): Promise<OpError> {
  try {
    for (;;) await conn.write(p);
  } catch (error) {
    return error as OpError;
  }
}

/** Reads until that fails or the stream ends. The error, null at the end. */
export async function readForever(conn: Conn): Promise<OpError | null> {
  const p = new Uint8Array(CHUNK);
  try {
    while ((await conn.read(p)) !== null);
    return null;
  } catch (error) {
    return error as OpError;
  }
}

/** Shows that the connection works, with an echoing peer: nothing stray in it, nothing missing. */
export async function roundTrip(conn: Conn): Promise<void> {
  conn.setDeadline(null);
  const message = text('Hello, world!');
  const answer = readExactly(conn, message.length);
  assert.equal(await conn.write(message), message.length);
  sameBytes(await answer, message);
}

const MARKER = 0xff;

/** With an echoing peer: reads away all that is under way, up to a marker at the end of a chunk. */
export async function resync(conn: Conn): Promise<void> {
  conn.setDeadline(null);
  const written = conn.write(Uint8Array.of(MARKER));
  const p = new Uint8Array(CHUNK);
  for (;;) {
    const n = await conn.read(p);
    assert.notEqual(n, null, 'the peer should go on echoing');
    if (p[n! - 1] === MARKER) break;
  }
  await written;
}

/** Go's "timeout error". */
export function assertTimeout(error: unknown): void {
  assert.ok(error instanceof Error, `${String(error)} should be an error`);
  assert.equal((error as Error & { timeout?: boolean }).timeout, true, `${error} should be a timeout`);
}

export function code(error: unknown): string {
  return String((error as { code?: unknown }).code);
}
