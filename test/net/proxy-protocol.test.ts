import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  ClosedError,
  type Conn,
  DeadlineExceededError,
  dial,
  listen,
  type ProxyHeader,
  ProxyProtocolError,
  pipe,
  readProxyHeader,
  type TCPConn,
} from 'gopark/net';
import { crc32c } from '#dist/net/proxy-protocol/crc32c.js';
import { headerLength, parseHeader, parseLine } from '#dist/net/proxy-protocol/header.js';
import { concat, sameBytes, text, untext } from '../lib/bytes.ts';
import { readExactly, readToEnd } from '../lib/peers.ts';
import { rejection, turns, watch } from '../lib/waiting.ts';

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];

/** A header of version 2. */
function version2(command: number, family: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([...SIGNATURE, command, family, body.length >> 8, body.length & 0xff, ...body]);
}

const TCP4 = [192, 0, 2, 1, 198, 51, 100, 7, 0x30, 0x39, 0x01, 0xbb];
const TCP6 = [
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0, 80, 0x1f, 0x90],
];

const trustedProxies = ['127.0.0.0/8'];

/** A server that has read the header of a connection, and its peer. */
async function withConnection(use: (peer: TCPConn, accepted: TCPConn) => Promise<void>): Promise<void> {
  await using listener = await listen('tcp', '127.0.0.1:0');
  await using peer = await dial('tcp', String(listener.addr));
  await using accepted = await listener.accept();
  await use(peer, accepted);
}

function described({ version, proxied, source, destination }: ProxyHeader): string {
  return `${version} ${proxied} ${source} ${destination}`;
}

describe('PROXY protocol: headers', () => {
  test('version 1 and 2, both families, and what follows is untouched', async () => {
    const rows: [header: Uint8Array, expected: string][] = [
      [text('PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\n'), '1 true 192.0.2.1:12345 198.51.100.7:443'],
      [text('PROXY TCP6 2001:db8::1 ::1 80 8080\r\n'), '1 true [2001:db8::1]:80 [::1]:8080'],
      [text('PROXY UNKNOWN\r\n'), '1 true null null'],
      [text('PROXY UNKNOWN ffff:f...f:ffff whatever 65535\r\n'), '1 true null null'],
      [version2(0x21, 0x11, TCP4), '2 true 192.0.2.1:12345 198.51.100.7:443'],
      [version2(0x21, 0x21, TCP6), '2 true [2001:db8::1]:80 [::1]:8080'],
      [version2(0x20, 0x00, []), '2 false null null'],
      [version2(0x20, 0x11, TCP4), '2 false null null'],
      [version2(0x21, 0x31, Array(216).fill(65)), '2 true null null'],
      [version2(0x21, 0x12, TCP4), '2 true null null'],
    ];
    for (const [header, expected] of rows) {
      await withConnection(async (peer, accepted) => {
        const before = [String(accepted.remoteAddr), String(accepted.localAddr)];
        await peer.write(concat([header, text('the client')]));
        const found = await readProxyHeader(accepted, { trustedProxies });
        assert.equal(described(found), expected);
        assert.equal(untext(await readExactly(accepted, 10)), 'the client');
        const [remote, local] = before;
        assert.equal(String(accepted.remoteAddr), String(found.source ?? remote));
        assert.equal(String(accepted.localAddr), String(found.destination ?? local));
        await accepted.write(text('ok'));
        sameBytes(await readExactly(peer, 2), text('ok'));
      });
    }
  });

  test('errors of the connection name the client', async () => {
    await withConnection(async (peer, accepted) => {
      await peer.write(text('PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\n'));
      await readProxyHeader(accepted, { trustedProxies });
      accepted.setReadTimeout(0);
      const error = await rejection(accepted.read(new Uint8Array(1)));
      assert.match(error.message, /198\.51\.100\.7:443->192\.0\.2\.1:12345/);
    });
  });

  test('in pieces, however they come', async () => {
    for (const header of [
      version2(0x21, 0x11, TCP4),
      text('PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\n'),
    ]) {
      await withConnection(async (peer, accepted) => {
        const reading = readProxyHeader(accepted, { trustedProxies });
        for (const byte of header) {
          await peer.write(Uint8Array.of(byte));
          await turns(1);
        }
        assert.match(described(await reading), /true 192\.0\.2\.1:12345 198\.51\.100\.7:443/);
      });
    }
  });

  test('extensions of version 2; a checksum is checked', async () => {
    const withSum = [...TCP4, 0x04, 0, 2, 0, 0, 0x03, 0, 4, 0, 0, 0, 0, 0x02, 0, 3, 97, 98, 99];
    const bytes = version2(0x21, 0x11, withSum);
    new DataView(bytes.buffer).setUint32(16 + 12 + 5 + 3, crc32c(bytes));
    const { tlvs } = parseHeader(bytes);
    assert.deepEqual(
      tlvs.map(({ type }) => type),
      [4, 3, 2],
    );
    assert.equal(untext(tlvs[2]!.value), 'abc');
    for (let i = 13; i < bytes.length; i++) {
      const damaged = bytes.slice();
      damaged[i]! ^= 1;
      // Every byte counts, but for the one that says there is a checksum.
      if (i >= 16 && i !== 33) assert.throws(() => parseHeader(damaged), ProxyProtocolError, `byte ${i}`);
    }
    assert.equal(crc32c(text('123456789')), 0xe3069283);
  });

  test('addresses are written as the system writes them', () => {
    const host = (bytes: number[]) => {
      const body = [...bytes, ...bytes, 0, 1, 0, 1];
      return parseHeader(version2(0x21, 0x21, body)).source!.host;
    };
    const groups = (...values: number[]) => values.flatMap((value) => [value >> 8, value & 0xff]);
    assert.equal(host(groups(0, 0, 0, 0, 0, 0, 0, 0)), '::');
    assert.equal(host(groups(1, 0, 0, 0, 0, 0, 0, 0)), '1::');
    assert.equal(host(groups(0, 0, 1, 0, 0, 0, 2, 0)), '0:0:1::2:0');
    assert.equal(host(groups(1, 2, 3, 4, 5, 6, 7, 8)), '1:2:3:4:5:6:7:8');
    assert.equal(host(groups(0xfe80, 0, 1, 0, 1, 0, 1, 0)), 'fe80:0:1:0:1:0:1:0');
    assert.equal(host(groups(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201)), '192.0.2.1');
  });
});

describe('PROXY protocol: who is closed', () => {
  /** Closed with this reason, and the peer sees it. */
  async function refused(sent: Uint8Array, reason: RegExp, end = false): Promise<void> {
    await withConnection(async (peer, accepted) => {
      await peer.write(sent);
      if (end) await peer.closeWrite();
      const error = (await rejection(readProxyHeader(accepted, { trustedProxies }))) as unknown;
      assert.ok(error instanceof ProxyProtocolError, String(error));
      assert.equal(error.code, 'ERR_PROXY_PROTOCOL');
      assert.match(error.message, reason);
      assert.ok((await rejection(accepted.read(new Uint8Array(1)))) instanceof ClosedError);
      await readToEnd(peer).catch(() => {});
    });
  }

  test('what is no header, or too long, or ends too early', async () => {
    await refused(text('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /there is no header/);
    await refused(text('PROXY SCTP4 1.2.3.4 1.2.3.4 1 2\r\n'), /unknown family/);
    await refused(text('PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n'), /another form/);
    await refused(text('PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n'), /another form|no address/);
    await refused(text('PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n'), /no address of TCP4/);
    await refused(text('PROXY TCP4 ::1 ::1 1 2\r\n'), /no address of TCP4/);
    await refused(text('PROXY TCP6 fe80::1%lo ::1 1 2\r\n'), /no address of TCP6/);
    await refused(text('PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n'), /no port/);
    await refused(text('PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n'), /no port/);
    await refused(text('PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n'), /carriage return/);
    await refused(text(`PROXY UNKNOWN ${'x'.repeat(200)}\r\n`), /longer than 107 bytes/);
    await refused(text('PROXY TCP4 1.2'), /ended before the header/, true);
    await refused(text('PRO'), /ended before the header/, true);
    await refused(new Uint8Array(0), /ended before the header/, true);
    await refused(version2(0x31, 0x11, TCP4), /unknown version/);
    await refused(version2(0x22, 0x11, TCP4), /unknown version or command/);
    await refused(version2(0x21, 0x11, TCP4.slice(1)), /too short/);
    await refused(version2(0x21, 0x11, Array(521).fill(0)), /537 bytes is too long/);
    await refused(version2(0x21, 0x11, [...TCP4, 4, 0, 9, 1]), /longer than the header/);
    await refused(version2(0x21, 0x11, [...TCP4, 4]), /longer than the header/);
  });

  test('the longest that is taken', async () => {
    await withConnection(async (peer, accepted) => {
      await peer.write(version2(0x21, 0x11, [...TCP4, 4, 0x01, 0xf9, ...Array(505).fill(0)]));
      const { tlvs } = await readProxyHeader(accepted, { trustedProxies });
      assert.equal(tlvs[0]!.value.length, 505);
    });
    const line =
      'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n';
    await withConnection(async (peer, accepted) => {
      await peer.write(text(line));
      assert.equal((await readProxyHeader(accepted, { trustedProxies })).source!.port, 65_535);
    });
  });

  test('who is not trusted, whatever it says', async () => {
    for (const networks of [[], ['10.0.0.0/8'], ['::1', 'fd00::/8'], ['127.0.0.2']]) {
      await withConnection(async (peer, accepted) => {
        await peer.write(text('PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\n'));
        const error = await rejection(readProxyHeader(accepted, { trustedProxies: networks }));
        assert.match(error.message, /127\.0\.0\.1:\d+ is no trusted proxy/);
        await readToEnd(peer).catch(() => {});
      });
    }
    const [a] = pipe();
    assert.match(
      (await rejection(readProxyHeader(a, { trustedProxies }))).message,
      /pipe is no trusted proxy/,
    );
  });

  test('who takes too long, and whom the signal ends', async () => {
    await withConnection(async (peer, accepted) => {
      await peer.write(text('PROXY TCP4 '));
      const error = (await rejection(readProxyHeader(accepted, { trustedProxies, timeout: 20 }))) as Error & {
        timeout: boolean;
      };
      assert.ok(error instanceof ProxyProtocolError && error.timeout);
      assert.equal((await readToEnd(peer).catch(() => new Uint8Array(0))).length, 0);
    });
    await withConnection(async (_, accepted) => {
      const controller = new AbortController();
      const reading = watch(readProxyHeader(accepted, { trustedProxies, signal: controller.signal }));
      await turns(2);
      controller.abort('enough');
      await reading.promise;
      assert.deepEqual(reading.outcome, { state: 'rejected', error: 'enough' });
      assert.ok((await rejection(accepted.read(new Uint8Array(1)))) instanceof ClosedError);
    });
  });

  test('afterwards there is no deadline left', async () => {
    await withConnection(async (peer, accepted) => {
      await peer.write(text('PROXY UNKNOWN\r\n'));
      await readProxyHeader(accepted, { trustedProxies, timeout: 300 });
      const reading = watch(accepted.read(new Uint8Array(1)));
      await new Promise((resolve) => setTimeout(resolve, 400));
      assert.ok(reading.pending);
      accepted.setReadTimeout(0);
      await reading.promise;
      assert.ok(
        reading.outcome.state === 'rejected' && reading.outcome.error instanceof DeadlineExceededError,
      );
    });
  });

  test('nonsense in the options closes nothing', async () => {
    await withConnection(async (peer, accepted) => {
      for (const networks of [
        ['10.0.0.0/33'],
        ['nowhere'],
        ['10.0.0.0/8/8'],
        ['10.0.0.0/-1'],
        ['::/129'],
        ['10.0.0.0/'],
      ]) {
        await assert.rejects(
          readProxyHeader(accepted, { trustedProxies: networks }),
          RangeError,
          networks[0]!,
        );
      }
      await assert.rejects(readProxyHeader(accepted, {} as never), TypeError);
      await assert.rejects(readProxyHeader(accepted, { trustedProxies, timeout: Number.NaN }), RangeError);
      await peer.write(text('PROXY UNKNOWN\r\n'));
      await readProxyHeader(accepted, { trustedProxies });
    });
  });
});

describe('PROXY protocol: whatever a peer sends', () => {
  test('a header or a ProxyProtocolError, nothing else', () => {
    const parsed = (parse: () => unknown) => {
      try {
        parse();
      } catch (error) {
        assert.ok(error instanceof ProxyProtocolError, String(error));
      }
    };
    const word = fc.constantFrom(
      'PROXY',
      'TCP4',
      'TCP6',
      'UNKNOWN',
      '1.2.3.4',
      '::1',
      '80',
      '',
      '99999',
      '-1',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 8 }), (words) =>
        parsed(() => parseLine(words.join(' '))),
      ),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(0x20, 0x21, 0x22),
        fc.constantFrom(0x00, 0x11, 0x21, 0x31, 0xff),
        fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 80 }),
        (command, family, body) => {
          const bytes = version2(command, family, body);
          parsed(() => assert.equal(headerLength(bytes.subarray(0, 16)), bytes.length));
          if (command !== 0x22) parsed(() => parseHeader(bytes));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('over any connection that says where it comes from', async () => {
    const [a, b] = pipe();
    const conn: Conn = Object.defineProperty(b, 'remoteAddr', {
      value: (await listenAddr()).addr,
      configurable: true,
    });
    const writing = a.write(concat([version2(0x21, 0x11, TCP4), text('x')]));
    assert.equal(String((await readProxyHeader(conn, { trustedProxies })).source), '192.0.2.1:12345');
    sameBytes(await readExactly(conn, 1), text('x'));
    await writing;
  });

  async function listenAddr() {
    const listener = await listen('tcp', '127.0.0.1:0');
    await listener.close();
    return listener;
  }
});
