import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { before, describe, test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import fc from 'fast-check';
import {
  ClientHelloReader,
  type Hello,
  LONGEST_HELLO,
  parseClientHello,
} from '#dist/cli/proxy/client-hello.js';
import { Pool } from '#dist/cli/proxy/pool.js';
import { Routes } from '#dist/cli/proxy/routes.js';

/** What node:tls says first. */
async function realHello(servername: string, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = tlsConnect({ port, host: '127.0.0.1', servername, maxVersion });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** The message of a hello that is in one record, in records of `size` bytes. */
function inRecords(hello: Uint8Array, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 5; at < hello.length; at += size) {
    const part = hello.subarray(at, at + size);
    parts.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), Buffer.from(part));
  }
  return Buffer.concat(parts);
}

describe('ClientHello', () => {
  let hello: Buffer;
  before(async () => {
    hello = await realHello('db.example.com', 'TLSv1.3');
  });

  test('the name in what node:tls sends, none where it sends none', async () => {
    assert.deepEqual(parseClientHello(hello), { kind: 'hello', serverName: 'db.example.com' });
    const upper = await realHello('DB.Example.COM', 'TLSv1.2');
    assert.deepEqual(parseClientHello(upper), { kind: 'hello', serverName: 'db.example.com' });
    assert.deepEqual(parseClientHello(await realHello('', 'TLSv1.3')), { kind: 'hello', serverName: null });
  });

  test('nothing shorter than the whole tells anything, and what follows changes nothing', () => {
    for (let end = 0; end < hello.length; end++) {
      assert.deepEqual(parseClientHello(hello.subarray(0, end)), { kind: 'more' }, `${end} bytes`);
    }
    const more = Buffer.concat([hello, Buffer.from([23, 3, 3, 0, 1, 0])]);
    assert.deepEqual(parseClientHello(more), { kind: 'hello', serverName: 'db.example.com' });
  });

  test('the message may come in any number of records', () => {
    for (const size of [1, 2, 3, 4, 5, 37, 100, hello.length]) {
      const records = inRecords(hello, size);
      assert.deepEqual(parseClientHello(records), { kind: 'hello', serverName: 'db.example.com' }, `${size}`);
      assert.deepEqual(parseClientHello(records.subarray(0, -1)), { kind: 'more' });
    }
  });

  test('pieces say what the whole says', () => {
    const flip = fc.tuple(fc.nat({ max: hello.length - 1 }), fc.integer({ min: 0, max: 255 }));
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(flip, { maxLength: 2 }),
        sizes,
        fc.integer({ min: 1, max: 600 }),
        (flips, all, size) => {
          const copy = inRecords(hello, size);
          for (const [at, value] of flips) copy[at] = value;
          const reader = new ClientHelloReader();
          let found: Hello = { kind: 'more' };
          for (let at = 0, i = 0; at < copy.length && found.kind === 'more'; i++) {
            const piece = copy.subarray(at, at + all[i % all.length]!);
            found = reader.take(piece);
            at += piece.length;
          }
          assert.deepEqual(found, parseClientHello(copy));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('other protocols are known by their first bytes', () => {
    for (const text of ['GET / HTTP/1.1\r\n', 'SSH-2.0-x\r\n', '*1\r\n$4\r\nPING\r\n', '\0', '\x16\x02']) {
      assert.equal(parseClientHello(Buffer.from(text, 'latin1')).kind, 'other', text);
    }
    // A record of the handshake with something else in it; of no length; of an impossible one.
    for (const bytes of [
      [22, 3, 1, 0, 1, 2],
      [22, 3, 1, 0, 0],
      [22, 3, 1, 0x40, 1],
    ]) {
      assert.equal(parseClientHello(Uint8Array.from(bytes)).kind, 'other', String(bytes));
    }
  });

  test('however long a ClientHello says it is, no more than so many bytes are asked for', () => {
    assert.equal(parseClientHello(Uint8Array.from([22, 3, 1, 0x40, 0, 1, 1, 0, 0])).kind, 'other');
    const long = inRecords(
      Buffer.concat([Buffer.alloc(5), Buffer.from([1, 0, 0x3f, 0xf0]), Buffer.alloc(16_000)]),
      1,
    );
    assert.equal(parseClientHello(long.subarray(0, LONGEST_HELLO)).kind, 'other');
    assert.equal(parseClientHello(long.subarray(0, LONGEST_HELLO - 1)).kind, 'more');
  });

  test('names that no host can have are malformed', () => {
    const at = hello.indexOf('db.example.com');
    for (const bad of ['\0', ' ', '/', '\n', 'é', '*', ':']) {
      const copy = Buffer.from(hello);
      copy.write(bad, at, 'latin1');
      assert.equal(parseClientHello(copy).kind, 'other', bad);
    }
    const dot = Buffer.from(hello);
    dot.write('db.example.co.', at, 'latin1');
    assert.deepEqual(parseClientHello(dot), { kind: 'hello', serverName: 'db.example.co' });
  });

  test('any bytes, and any damage to a real hello: an answer, no error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        parseClientHello(bytes);
        parseClientHello(Uint8Array.from([22, 3, 1, bytes.length >> 8, bytes.length & 0xff, ...bytes]));
      }),
    );
    const flip = fc.tuple(fc.nat({ max: hello.length - 1 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(
        fc.array(flip, { minLength: 1, maxLength: 4 }),
        fc.nat({ max: hello.length }),
        (flips, end) => {
          const copy = Buffer.from(hello);
          for (const [at, value] of flips) copy[at] = value;
          const whole = parseClientHello(copy);
          if (whole.kind === 'hello' && whole.serverName !== null)
            assert.match(whole.serverName, /^[\w.-]+$/);
          // What is there of it never tells something else than the whole, once it tells anything.
          const part = parseClientHello(copy.subarray(0, end));
          if (part.kind === 'hello') assert.deepEqual(part, whole);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('routes', () => {
  test('the name itself, then the longest suffix', () => {
    const routes = new Routes();
    const pools = ['a.example.com', '*.example.com', '*.b.example.com'].map((name) => new Pool(name));
    for (const pool of pools) routes.add(pool.name, pool);
    const rows: [name: string, expected: string | undefined][] = [
      ['a.example.com', 'a.example.com'],
      ['c.example.com', '*.example.com'],
      ['x.a.example.com', '*.example.com'],
      ['x.b.example.com', '*.b.example.com'],
      ['b.example.com', '*.example.com'],
      ['example.com', undefined],
      ['badexample.com', undefined],
      ['com', undefined],
    ];
    for (const [name, expected] of rows) assert.equal(routes.find(name)?.name, expected, name);
  });
});
