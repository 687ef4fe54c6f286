import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { Socket } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { connect, createServer as createTlsServer } from 'node:tls';
import { fromDuplex, toDuplex } from 'gopark/compat';
import { dial, listen, type TCPConn } from 'gopark/net';
import { Redis } from 'ioredis';
import { startExample } from '../examples/redis/lib/example.ts';
import { pattern, sameBytes } from '../lib/bytes.ts';
import { certificate } from '../lib/certificate.ts';
import { drain, echo, readExactly } from '../lib/peers.ts';
import { until } from '../lib/waiting.ts';

/** A listener whose connections go to a server of Node's. */
async function listenFor(t: TestContext, give: (conn: TCPConn) => void): Promise<string> {
  const listener = await listen('tcp', '127.0.0.1:0');
  t.after(() => listener.close());
  void (async () => {
    for await (const conn of listener) give(conn);
  })();
  return String(listener.addr);
}

describe('libraries that want a stream', () => {
  test('node:http over gopark on both sides: bodies, keep-alive, many requests at once', async (t) => {
    const server = createServer(async (incoming, response) => {
      response.end(`${incoming.method} ${incoming.url} ${(await textOf(incoming)).length}`);
    });
    let accepted = 0;
    const address = await listenFor(t, (conn) => {
      accepted++;
      server.emit('connection', toDuplex(conn));
    });
    t.after(() => server.closeAllConnections());
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    t.after(() => agent.destroy());
    agent.createConnection = () => toDuplex(dial('tcp', address)) as unknown as Socket;
    const ask = async (body: string): Promise<string> => {
      const asking = request({ agent, host: 'gopark.test', method: 'POST', path: `/${body.length}` });
      asking.end(body);
      const [response] = await once(asking, 'response');
      return textOf(response);
    };
    const sizes = [0, 1, 100_000, 3_000_000, ...Array.from({ length: 60 }, (_, i) => 7 * i)];
    const answers = await Promise.all(sizes.map((size) => ask('x'.repeat(size))));
    assert.deepEqual(
      answers,
      sizes.map((size) => `POST /${size} ${size}`),
    );
    assert.equal(accepted, 4);
  });

  test("node:http's own timeouts work on it: a request that never ends is answered 408", async (t) => {
    const server = createServer({ headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 20 });
    const address = await listenFor(t, (conn) => server.emit('connection', toDuplex(conn)));
    // What checks connections begins with 'listening'.
    server.emit('listening');
    t.after(() => server.close(() => {}));
    await using conn = await dial('tcp', address);
    await conn.write(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n'));
    assert.equal(Buffer.from(await readExactly(conn, 12)).toString(), 'HTTP/1.1 408');
  });

  test('TLS: 20 MB through both ends and a connection reset below, which is an error there', async (t) => {
    const server = createTlsServer(certificate(), (socket) => void echo(fromDuplex(socket)));
    const conns: TCPConn[] = [];
    const address = await listenFor(t, (conn) => {
      conns.push(conn);
      server.emit('connection', toDuplex(conn));
    });
    const socket = connect({ socket: toDuplex(dial('tcp', address)), rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const conn = fromDuplex(socket);
    const sent = pattern(20_000_000);
    const receiving = readExactly(conn, sent.length);
    assert.equal(await conn.write(sent), sent.length);
    sameBytes(await receiving, sent);
    const reading = conn.read(new Uint8Array(1)).catch((error) => error);
    conns[0]!.setLinger(0);
    conns[0]!.closeNow();
    assert.equal((await reading).code, 'ECONNRESET');
    await drain(conn);
    await conn.close();
  });

  test('ioredis over a connection of gopark, with a lost connection in between', async (t) => {
    const { port } = await startExample(t);
    const streams: ReturnType<typeof toDuplex>[] = [];
    class Connector {
      async connect(): Promise<unknown> {
        const stream = toDuplex(await dial('tcp', `127.0.0.1:${port}`));
        streams.push(stream);
        return stream;
      }
      disconnect(): void {
        streams.at(-1)?.end();
      }
      check(): boolean {
        return true;
      }
    }
    const redis = new Redis({ Connector: Connector as never, retryStrategy: () => 1 });
    t.after(() => redis.disconnect());
    const bytes = Buffer.from(pattern(1_000_000));
    await redis.set('key', bytes);
    assert.ok((await redis.getBuffer('key'))?.equals(bytes));
    streams[0]!.resetAndDestroy();
    assert.ok((await redis.getBuffer('key'))?.equals(bytes));
    await until(() => streams.length === 2, 'the second connection');
  });
});
