import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as node from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type DuplexConn, fromDuplex, toDuplex } from 'gopark/compat';
import { ArgumentTypeError } from 'gopark/io';
import { type Conn, dial, listen, OpError, pipe } from 'gopark/net';
import { concat, pattern, sameBytes, text } from '../lib/bytes.ts';
import { certificate } from '../lib/certificate.ts';
import { connSuite } from '../lib/conn-suite.ts';
import { type Pair, tcpPair, withPair } from '../lib/pair.ts';
import { echo, readToEnd } from '../lib/peers.ts';
import { rejection, until } from '../lib/waiting.ts';

connSuite<DuplexConn>(
  'a connection as a stream as a connection',
  async (options) => {
    const { a, b } = await tcpPair(options);
    return { a: fromDuplex(toDuplex(a)), b: fromDuplex(toDuplex(b)) };
  },
  new Set(['buffered']),
);

connSuite<DuplexConn>(
  "Node's own socket as a connection",
  async () => {
    const server = node.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = node.connect((server.address() as node.AddressInfo).port, '127.0.0.1');
    const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    server.close();
    return { a: fromDuplex(client), b: fromDuplex(accepted as node.Socket) };
  },
  new Set(['buffered']),
);

/** Both ends of TLS over connections of gopark's. */
async function tlsPair(): Promise<Pair<DuplexConn>> {
  const { a, b } = await tcpPair();
  const server = createServer(certificate());
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  server.emit('connection', toDuplex(b));
  const socket = connect({ socket: toDuplex(a), rejectUnauthorized: false });
  const [[secured]] = await Promise.all([accepted, once(socket, 'secureConnect')]);
  return { a: fromDuplex(socket), b: fromDuplex(secured) };
}

connSuite<DuplexConn>('TLS over connections', tlsPair, new Set(['buffered']));

describe('toDuplex', () => {
  test('every byte in its order, both ways, with half closing', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      void echo(b).then(() => b.closeWrite());
      const sent = pattern(3_000_000);
      const received: Buffer[] = [];
      const socket = toDuplex(a, { allowHalfOpen: true });
      await pipeline(
        [sent.subarray(0, 1), sent.subarray(1, 70_000), sent.subarray(70_000)].map((part) =>
          Buffer.from(part),
        ),
        socket,
        async (source: AsyncIterable<Buffer>) => {
          for await (const chunk of source) received.push(chunk);
        },
      );
      sameBytes(concat(received), sent);
      assert.equal(socket.bytesRead, sent.length);
      assert.equal(socket.bytesWritten, sent.length);
    });
  });

  test('reads no more than the stream wants: who sends is held back', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const socket = toDuplex(a);
      socket.pause();
      const megabyte = new Uint8Array(1 << 20);
      b.setWriteTimeout(2000);
      const error = await rejection(b.write(concat(Array.from({ length: 64 }, () => megabyte))));
      assert.equal(error.code, 'ERR_DEADLINE_EXCEEDED');
      assert.ok(socket.readableLength <= 128 * 1024, String(socket.readableLength));
      socket.destroy();
      await once(socket, 'close');
    });
  });

  test('ends when its peer has ended, unless it may stay half open', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const socket = toDuplex(a).resume();
      const closed = once(socket, 'close');
      await b.closeWrite();
      assert.equal(await b.read(new Uint8Array(1)), null);
      await closed;
    });
    await withPair(tcpPair, async ({ a, b }) => {
      const socket = toDuplex(a, { allowHalfOpen: true }).resume();
      const ended = once(socket, 'end');
      await b.closeWrite();
      await ended;
      assert.ok(socket.writable);
      socket.end('still here');
      sameBytes(await readToEnd(b), text('still here'));
    });
  });

  test('what a write has called back for arrives, though the stream is destroyed then', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const socket = toDuplex(a);
      socket.write('last words', () => socket.destroy());
      sameBytes(await readToEnd(b), text('last words'));
    });
  });

  test("a reset is the stream's error, and resetAndDestroy resets", async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const [left, right] = [toDuplex(a).resume(), toDuplex(b).resume()];
      const failing = once(left, 'error');
      right.resetAndDestroy();
      const [error] = await failing;
      assert.ok(error instanceof OpError);
      assert.equal(error.code, 'ECONNRESET');
      assert.ok(left.destroyed);
    });
  });

  test('while it connects it takes writes, and tells when it has', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    const socket = toDuplex(dial('tcp', String(listener.addr)));
    assert.equal(socket.connecting, true);
    assert.equal(socket.readyState, 'opening');
    assert.equal(socket.remoteAddress, undefined);
    socket.write('early');
    const conn = await listener.accept();
    await once(socket, 'ready');
    assert.equal(socket.readyState, 'open');
    assert.deepEqual([socket.remoteAddress, socket.remotePort], ['127.0.0.1', listener.addr.port]);
    assert.deepEqual(socket.address(), {
      address: '127.0.0.1',
      port: Number(String(conn.remoteAddr).split(':')[1]),
      family: 'IPv4',
    });
    socket.end();
    sameBytes(await readToEnd(conn), text('early'));
    await conn.close();
  });

  test('a dial that fails is its error; destroyed before, it closes what comes', async () => {
    const refused = toDuplex(dial('tcp', '127.0.0.1:1'));
    const [error] = await once(refused, 'error');
    assert.equal(error.code, 'ECONNREFUSED');
    let resolve!: (conn: Conn) => void;
    const promise = new Promise<Conn>((settle) => {
      resolve = settle;
    });
    const socket = toDuplex(promise).on('connect', () => assert.fail('nobody waits for it'));
    socket.destroy();
    const [ours, theirs] = pipe();
    resolve(ours);
    assert.equal(await theirs.read(new Uint8Array(1)), null);
    await once(socket, 'close');
  });

  test('setTimeout tells of silence again and again, and 0 ends that', async () => {
    await withPair(tcpPair, async ({ a, b }) => {
      const socket = toDuplex(a).resume();
      let told = 0;
      socket.setTimeout(30, () => told++);
      assert.equal(socket.timeout, 30);
      await once(socket, 'timeout');
      assert.equal(told, 1);
      await b.write(text('x'));
      await once(socket, 'timeout');
      assert.equal(told, 1, 'a listener of setTimeout hears it once');
      socket.setTimeout(0);
      assert.equal(socket.destroyed, false);
      socket.destroy();
    });
  });

  test('socket options reach the connection; without them nothing happens', async () => {
    await withPair(tcpPair, async ({ a }) => {
      const socket = toDuplex(a);
      assert.equal(socket.setNoDelay(false).setKeepAlive(true, 5000).ref().unref(), socket);
      const connected = once(socket, 'connect');
      socket.connect(1234, 'ignored');
      await connected;
      socket.destroySoon();
      await once(socket, 'close');
    });
    const [a, b] = pipe();
    const socket = toDuplex(a).setNoDelay().setKeepAlive(true);
    void b.write(text('hello'));
    assert.equal(String((await once(socket, 'data'))[0]), 'hello');
    socket.end();
    await once(socket, 'close');
    assert.equal(await b.read(new Uint8Array(1)), null);
  });

  test('what is no connection is refused', () => {
    assert.throws(() => toDuplex({} as never), ArgumentTypeError);
    assert.throws(() => toDuplex(null as never), ArgumentTypeError);
  });
});

describe('fromDuplex', () => {
  test('what the stream breaks of rejects every call, with the code and the cause', async () => {
    const stream = new PassThrough();
    const conn = fromDuplex(stream);
    const reading = conn.read(new Uint8Array(1));
    reading.catch(() => {});
    const cause = Object.assign(new Error('cable cut'), { code: 'ECABLE' });
    stream.destroy(cause);
    for (const call of [reading, conn.read(new Uint8Array(1)), conn.write(text('x'))]) {
      const error = await rejection(call);
      assert.ok(error instanceof OpError);
      assert.deepEqual([error.code, error.cause, error.net], ['ECABLE', cause, 'duplex']);
    }
    await conn.close();
  });

  test('a stream that closes without an end is no end', async () => {
    const stream = new PassThrough();
    const conn = fromDuplex(stream);
    const reading = conn.read(new Uint8Array(1));
    stream.destroy();
    assert.equal((await rejection(reading)).code, 'ERR_STREAM_PREMATURE_CLOSE');
  });

  test('a write cut short has given bytesWritten bytes to the stream, and no more of them leave', async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const conn = fromDuplex(stream);
    const sent = pattern(1 << 20);
    const writing = rejection(conn.write(sent));
    await until(() => stream.writableLength > 0, 'the stream to have some');
    conn.setWriteTimeout(1);
    const error = await writing;
    assert.equal(error.code, 'ERR_DEADLINE_EXCEEDED');
    const count = error.bytesWritten!;
    assert.ok(count > 0 && count < sent.length, String(count));
    conn.setWriteTimeout(null);
    const receiving = readToEnd(conn);
    await conn.write(text('next'));
    await conn.closeWrite();
    sameBytes(await receiving, concat([sent.subarray(0, count), text('next')]));
    assert.equal((await rejection(conn.write(text('x')))).code, 'EPIPE');
    await conn.close();
  });

  test('close fails with what never left when the stream takes nothing', { timeout: 20_000 }, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const stream = new PassThrough({ highWaterMark: 1 });
    const conn = fromDuplex(stream);
    const writing = conn.write(pattern(100_000));
    writing.catch(() => {});
    await until(() => stream.writableLength > 0, 'the stream to have some');
    const closing = conn.close();
    t.mock.timers.tick(5000);
    const error = await rejection(closing);
    assert.equal(error.code, 'ERR_UNSENT');
    assert.ok(stream.destroyed);
    assert.equal((await rejection(writing)).code, 'ERR_CLOSED');
  });

  test('a peer that resets while it is closed is no news for await using, and is for close', async () => {
    const ending = () => {
      const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
      return fromDuplex(new Duplex({ read() {}, final: (done) => done(reset) }));
    };
    assert.equal((await rejection(ending().close())).code, 'ECONNRESET');
    await ending()[Symbol.asyncDispose]();
  });

  test('streams of something else than bytes are refused', () => {
    const refused = [new PassThrough({ objectMode: true }), new PassThrough().setEncoding('utf8'), {}, null];
    for (const stream of refused) assert.throws(() => fromDuplex(stream as never), ArgumentTypeError);
  });
});
