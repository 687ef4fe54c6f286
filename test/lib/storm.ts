import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as nodeConnect, type Socket } from 'node:net';
import type { TCPConn } from 'gopark/net';
import type { Network } from './network.ts';
import type { Pair } from './pair.ts';
import type { Seeded } from './random.ts';
import { isOfStream, streamBytes } from './stream.ts';
import { turns, watch } from './waiting.ts';

/** How a connection that is cut off may end, on our side. */
const CUT_OFF = new Set(['ECONNRESET', 'EPIPE', 'ERR_CLOSED', 'ERR_DEADLINE_EXCEEDED', 'ENOTCONN']);

const PEERS_STREAM = 1;
const OUR_STREAM = 2;

/** Bytes with a checksum over all of them, in both directions at once, until `enough` says so. */
export async function transfer(
  { a, b }: Pair<TCPConn>,
  { below }: Seeded,
  enough: (sent: number) => boolean,
): Promise<number> {
  const send = async (conn: TCPConn, seed: number) => {
    const hash = createHash('sha256');
    const stock = streamBytes(seed, 0, 100_000);
    let total = 0;
    while (!enough(total)) {
      const from = below(stock.length - 1);
      const size = 1 + below(Math.min(stock.length - from, [40, 3000, 70_000][below(3)]!));
      const p = stock.slice(from, from + size);
      hash.update(p);
      if (!conn.tryWrite(p)) await conn.write(p);
      // It is ours again: whoever reads it later sends something else.
      p.fill(0xee);
      total += size;
      if (below(2) === 0) await turns(1);
    }
    await conn.closeWrite();
    return { total, digest: hash.digest('hex') };
  };
  const receive = async (conn: TCPConn) => {
    const hash = createHash('sha256');
    const p = new Uint8Array([100, 5000, 65_536][below(3)]!);
    let total = 0;
    for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
      hash.update(p.subarray(0, n));
      total += n;
    }
    return { total, digest: hash.digest('hex') };
  };
  const seed = below(1000);
  const [sentA, receivedB, sentB, receivedA] = await Promise.all([
    send(a, seed),
    receive(b),
    send(b, seed + 1),
    receive(a),
  ]);
  assert.deepEqual(receivedB, sentA, 'lost or corrupted');
  assert.deepEqual(receivedA, sentB, 'lost or corrupted');
  await Promise.all([a.close(), b.close()]);
  return sentA.total + sentB.total;
}

/** Our side of a connection that will be cut off: it reads, writes and waits, as any server would. Was it a reset? */
async function victim(conn: TCPConn, { below }: Seeded): Promise<boolean> {
  const reading = async () => {
    const p = new Uint8Array([50, 4096, 32_768][below(3)]!);
    for (let position = 0; ; ) {
      if (below(4) === 0) await conn.waitReadable();
      const n = await conn.read(p);
      if (n === null) return;
      assert.ok(isOfStream(p.subarray(0, n), PEERS_STREAM, position), `wrong bytes from ${position} on`);
      position += n;
    }
  };
  const writing = async () => {
    for (let position = 0; ; ) {
      const size = 1 + below([30, 2000, 60_000][below(3)]!);
      await conn.write(streamBytes(OUR_STREAM, position, position + size));
      position += size;
      if (below(3) === 0) await conn.flush();
      if (below(3) === 0) await turns(1);
    }
  };
  const calls = [reading(), writing()].map((call) => watch(call));
  if (below(3) === 0) conn.setTimeout(1 + below(30));
  if (below(6) === 0) {
    // It is us who cut it off, at any point: with bytes unread the kernel resets.
    await turns(below(6));
    conn.closeNow();
  }
  // Whatever the reader has seen: the peer's end is not the end of the connection yet.
  await calls[1]!.promise;
  conn.closeNow();
  await Promise.all(calls.map(({ promise }) => promise));
  let reset = false;
  for (const { outcome } of calls) {
    if (outcome.state !== 'rejected') continue;
    const { code } = outcome.error as { code?: string };
    assert.ok(CUT_OFF.has(String(code)), `a cut off connection ended with ${outcome.error}`);
    reset ||= code === 'ECONNRESET' || code === 'EPIPE';
  }
  return reset;
}

/** The peer's side: sends and receives a while, and resets at a random point. */
async function assailant(raw: Socket, { below }: Seeded): Promise<void> {
  raw.on('error', () => {});
  let received = 0;
  let wrong = false;
  raw.on('data', (bytes) => {
    wrong ||= !isOfStream(bytes, OUR_STREAM, received);
    received += bytes.length;
  });
  // Some read nothing at all: our chains fill up.
  if (below(3) === 0) raw.pause();
  const closed = new Promise<void>((resolve) => raw.once('close', () => resolve()));
  for (let i = below(6), position = 0; i > 0 && !raw.destroyed; i--) {
    const size = below([20, 1000, 40_000][below(3)]!);
    if (raw.writable) raw.write(streamBytes(PEERS_STREAM, position, position + size));
    position += size;
    await turns(below(3));
  }
  if (below(8) === 0) raw.end();
  // With bytes unread the kernel resets, and what is on its way here is never read. (`resetAndDestroy` shuts down first,
  // and where an error destroys the socket meanwhile, Node never closes the descriptor.)
  raw.pause();
  await turns(below(4));
  raw.destroy();
  await closed;
  assert.equal(wrong, false, 'the peer received bytes that were never written');
}

export interface StormOptions {
  /** Connections that are reset, in all and at a time. */
  readonly cutOff: number;
  readonly atOnce: number;
  /** Pairs that transfer meanwhile, and at least so many bytes for each direction. */
  readonly transfers: number;
  readonly bytes: number;
}

export interface StormReport {
  /** Bytes that arrived in the transfers. */
  readonly transferred: number;
  /** Connections of which a call failed because the peer had reset it. */
  readonly resets: number;
}

/** Connections are reset at random points while others transfer. Resolves when all of them are over and checked. */
export async function storm(network: Network, seeded: Seeded, options: StormOptions): Promise<StormReport> {
  const { below } = seeded;
  const quiet = await network.listen();
  const pairs: Pair<TCPConn>[] = [];
  for (let i = 0; i < options.transfers; i++) pairs.push(await network.pair(quiet));
  await quiet.close();

  const failures: unknown[] = [];
  const failed = (error: unknown) => void failures.push(error);
  const fates: Promise<void>[] = [];
  let resets = 0;
  const isVictim = async (conn: TCPConn) => {
    if (await victim(conn, seeded)) resets++;
  };
  const ours = await network.listen();
  const accepting = (async () => {
    for await (const conn of ours) fates.push(isVictim(conn).catch(failed));
  })();
  const theirs = createServer({ allowHalfOpen: true }, (raw) => {
    fates.push(assailant(raw, seeded).catch(failed));
  });
  theirs.listen(0, '127.0.0.1');
  await once(theirs, 'listening');
  const { port } = theirs.address() as AddressInfo;
  const dialled = async () => isVictim(await network.dial(port));
  const dialling = () =>
    assailant(nodeConnect({ host: '127.0.0.1', port: ours.addr.port, allowHalfOpen: true }), seeded);

  let left = options.cutOff;
  const transferring = pairs.map((pair) =>
    transfer(pair, seeded, (sent) => left === 0 && sent >= options.bytes).catch((error) => {
      failed(error);
      pair.a.closeNow();
      pair.b.closeNow();
      return 0;
    }),
  );
  const cutters = Array.from({ length: options.atOnce }, async () => {
    while (left > 0) {
      left--;
      await (below(2) === 0 ? dialled() : dialling()).catch(failed);
      if (below(5) === 0) await turns(below(4));
    }
  });
  await Promise.all(cutters);
  const transferred = await Promise.all(transferring);
  await ours.close();
  await accepting;
  await Promise.all(fates);
  theirs.close();
  await once(theirs, 'close');
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} failed: ${failures[0]}`);
  return { transferred: transferred.reduce((total, bytes) => total + bytes, 0), resets };
}
