import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { createServer, type Server, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { certificate } from '../../lib/certificate.ts';
import { ending, ProxyProcess, take, UpstreamServer } from './lib.ts';

/** A TLS server that says its name and sends back what comes. */
async function tlsServer(name: string): Promise<Server> {
  const server = createServer(certificate(), (socket) => {
    socket.on('error', () => {});
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const addressOf = (server: Server) => `127.0.0.1:${(server.address() as AddressInfo).port}`;

async function line(socket: TLSSocket): Promise<string> {
  let text = '';
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    text += part;
    if (text.endsWith('\n')) break;
  }
  return text;
}

function secure(port: number, servername: string): TLSSocket {
  return tlsConnect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
}

describe('gopark proxy: TLS by name', () => {
  test('each name goes to its upstream, untouched; unknown ones are told so', async () => {
    const servers = await Promise.all(['one', 'two', 'any'].map(tlsServer));
    const [one, two, any] = servers.map(addressOf);
    const routes = [`one.test=${one}`, `two.test=${two}`, `*.any.test=${any}`].flatMap((route) => [
      '--route',
      route,
    ]);
    try {
      await ProxyProcess.with(routes, async (proxy) => {
        for (const [name, expected] of [
          ['one.test', 'one\n'],
          ['TWO.test', 'two\n'],
          ['some.any.test', 'any\n'],
        ] as const) {
          const client = secure(proxy.port, name);
          assert.equal(await line(client), expected);
          client.write(`${'x'.repeat(100_000)}\n`);
          assert.equal((await line(client)).length, 100_001);
          client.destroy();
        }
        const stranger = secure(proxy.port, 'three.test');
        const [error] = await once(stranger, 'error');
        assert.match(error.message, /unrecognized name/i);
        await proxy.reportWhen(({ counters }) => counters.unrouted === 1, 'the stranger');
      });
    } finally {
      for (const server of servers) server.close();
    }
  });

  test('in part, as garbage, or not at all: it goes to --to, or nowhere', async () => {
    const server = await tlsServer('one');
    try {
      await using rest = await UpstreamServer.listen();
      const args = [
        '--route',
        `one.test=${addressOf(server)}`,
        '--to',
        rest.address,
        '--hello-timeout',
        '1s',
      ];
      await ProxyProcess.with(args, async (proxy) => {
        // No TLS: every byte arrives that was looked at.
        const plain = await proxy.connect();
        plain.end('GET / HTTP/1.0\r\n\r\n');
        const first = await rest.next();
        assert.equal(String((await ending(first)).bytes), 'GET / HTTP/1.0\r\n\r\n');
        first.end();
        // The beginning of a hello, then the end.
        const short = await proxy.connect();
        short.end(Buffer.from([22, 3, 1, 2, 0, 1]));
        const second = await rest.next();
        assert.deepEqual([...(await ending(second)).bytes], [22, 3, 1, 2, 0, 1]);
        second.end();
        // Silence, and a hello that does not end in time.
        for (const bytes of [[], [22, 3, 1, 2, 0, 1]]) {
          const slow = await proxy.connect();
          if (bytes.length > 0) slow.write(Buffer.from(bytes));
          assert.deepEqual((await ending(slow)).bytes.length, 0);
          slow.destroy();
        }
        assert.equal(rest.sockets.length, 2);
        await proxy.reportWhen(({ counters }) => counters.badStart === 2, 'the slow ones');
      });
    } finally {
      server.close();
    }
  });

  test('byte by byte, as a network may bring it', async () => {
    const server = await tlsServer('one');
    try {
      await ProxyProcess.with(
        ['--route', `one.test=${addressOf(server)}`, '--hello-timeout', '60s'],
        async (proxy) => {
          const raw = await proxy.connect();
          raw.setNoDelay(true);
          const inPieces = tlsConnect({
            socket: pieces(raw),
            servername: 'one.test',
            rejectUnauthorized: false,
          });
          assert.equal(await line(inPieces), 'one\n');
          inPieces.destroy();
          raw.destroy();
        },
      );
    } finally {
      server.close();
    }
  });

  test('with a PROXY header the upstream learns the name, too', async () => {
    await using upstream = await UpstreamServer.listen();
    await ProxyProcess.with(
      ['--route', `one.test=${upstream.address}`, '--send-proxy', 'v2'],
      async (proxy) => {
        const client = secure(proxy.port, 'one.test');
        client.on('error', () => {});
        const server = await upstream.next();
        const head = await take(server, 16);
        const body = await take(server, head.readUInt16BE(14));
        assert.equal(body.subarray(12).toString('latin1'), '\x02\0\x08one.test');
        assert.equal((await take(server, 1))[0], 22);
        client.destroy();
        server.destroy();
      },
    );
  });
});

/** The same connection, whose first 200 bytes leave one by one. */
function pieces(socket: Socket): Duplex {
  let left = 200;
  const duplex = new Duplex({
    read() {
      socket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      const next = (at: number): void => {
        if (at === chunk.length) {
          done();
          return;
        }
        const end = left-- > 0 ? at + 1 : chunk.length;
        socket.write(chunk.subarray(at, end), () => setImmediate(next, end));
      };
      next(0);
    },
    final(done) {
      socket.end(done);
    },
  });
  socket.on('data', (part) => {
    if (!duplex.push(part)) socket.pause();
  });
  socket.on('end', () => duplex.push(null));
  return duplex;
}
