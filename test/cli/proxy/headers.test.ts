import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeProxyHeader, type ProxyHeader, TCPAddr } from 'gopark/net';
import { FIXED, parseHeader, parseLine } from '#dist/net/proxy-protocol/header.js';
import { ending, ProxyProcess, take, UpstreamServer } from './lib.ts';

const header = (fields: Partial<ProxyHeader>): ProxyHeader => ({
  version: 2,
  proxied: true,
  source: new TCPAddr('192.0.2.1', 12_345),
  destination: new TCPAddr('198.51.100.7', 443),
  tlvs: [],
  ...fields,
});

const line = (fields: Partial<ProxyHeader>) =>
  Buffer.from(encodeProxyHeader(header({ version: 1, ...fields }))).toString('latin1');

describe('encodeProxyHeader', () => {
  test('version 1, as it stands in the specification', () => {
    assert.equal(line({}), 'PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\n');
    assert.equal(
      line({ source: new TCPAddr('2001:db8::1', 1), destination: new TCPAddr('::1', 65_535) }),
      'PROXY TCP6 2001:db8::1 ::1 1 65535\r\n',
    );
    assert.equal(line({ source: new TCPAddr('::1', 1) }), 'PROXY TCP6 ::1 ::ffff:198.51.100.7 1 443\r\n');
    assert.equal(line({ source: null }), 'PROXY UNKNOWN\r\n');
    assert.equal(line({ proxied: false }), 'PROXY UNKNOWN\r\n');
  });

  test('version 2, byte by byte', () => {
    const signature = '0d0a0d0a000d0a515549540a';
    const hex = (fields: Partial<ProxyHeader>) =>
      Buffer.from(encodeProxyHeader(header(fields))).toString('hex');
    assert.equal(hex({}), `${signature}2111000cc0000201c6336407303901bb`);
    assert.equal(hex({ source: null }), `${signature}21000000`);
    assert.equal(hex({ proxied: false }), `${signature}20000000`);
    const tlvs = [{ type: 2, value: Buffer.from('ab') }];
    assert.equal(hex({ tlvs }), `${signature}21110011c0000201c6336407303901bb0200026162`);
  });

  test('what it writes is read back, whatever the addresses', () => {
    const addr = fc
      .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat({ max: 65_535 }))
      .map(([host, port]) => new TCPAddr(host, port));
    const bytesOf = (host: string) => {
      // The address as a URL has it: one form for each.
      const { hostname } = new URL(host.includes(':') ? `http://[${host}]/` : `http://${host}/`);
      return new TCPAddr(
        hostname.replace(/^\[|\]$/g, '').replace(/^::ffff:(\w+):(\w+)$/, (_, a, b) => {
          const [high, low] = [Number.parseInt(a, 16), Number.parseInt(b, 16)];
          return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
        }),
        0,
      ).host;
    };
    fc.assert(
      fc.property(addr, addr, fc.uint8Array({ maxLength: 100 }), (source, destination, value) => {
        const tlvs = [{ type: 0xe0, value }];
        const encoded = encodeProxyHeader(header({ source, destination, tlvs }));
        assert.equal(encoded.length, FIXED + encoded[14]! * 256 + encoded[15]!);
        const found = parseHeader(encoded);
        assert.equal(bytesOf(found.source!.host), bytesOf(source.host));
        assert.equal(bytesOf(found.destination!.host), bytesOf(destination.host));
        assert.deepEqual([found.source!.port, found.destination!.port], [source.port, destination.port]);
        assert.deepEqual([...found.tlvs[0]!.value], [...value]);
        const text = line({ source, destination });
        const read = parseLine(text.slice(0, -2));
        assert.equal(bytesOf(read.source!.host), bytesOf(source.host));
      }),
    );
  });

  test('what no header can say is refused', () => {
    const refused = { code: 'ERR_OUT_OF_RANGE' };
    assert.throws(() => encodeProxyHeader(header({ source: new TCPAddr('example.com', 1) })), refused);
    assert.throws(() => encodeProxyHeader(header({ source: new TCPAddr('::1', 65_536) })), refused);
    assert.throws(() => encodeProxyHeader(header({ version: 3 as 2 })), refused);
    assert.throws(
      () => encodeProxyHeader(header({ tlvs: [{ type: 2, value: new Uint8Array(600) }] })),
      refused,
    );
  });
});

describe('gopark proxy: PROXY headers', () => {
  test('the upstream learns who the client is, before its first byte', async () => {
    for (const version of ['v1', 'v2'] as const) {
      await using upstream = await UpstreamServer.listen();
      await ProxyProcess.with(['--to', upstream.address, '--send-proxy', version], async (proxy) => {
        const [client, server] = await Promise.all([proxy.connect(), upstream.next()]);
        const source = new TCPAddr('127.0.0.1', client.localPort!);
        const destination = new TCPAddr('127.0.0.1', proxy.port);
        const expected = encodeProxyHeader(
          header({ version: version === 'v1' ? 1 : 2, source, destination }),
        );
        client.write('hello');
        const got = await take(server, expected.length + 5);
        assert.deepEqual(got, Buffer.concat([expected, Buffer.from('hello')]));
        client.destroy();
        server.destroy();
      });
    }
  });

  test('a header of a trusted proxy is read, and passed on in the other version', async () => {
    await using upstream = await UpstreamServer.listen();
    const args = [
      '--to',
      upstream.address,
      '--send-proxy',
      'v1',
      '--accept-proxy-from',
      '10.0.0.0/8,127.0.0.0/8',
    ];
    await ProxyProcess.with(args, async (proxy) => {
      const client = await proxy.connect();
      client.end(Buffer.concat([encodeProxyHeader(header({})), Buffer.from('hello')]));
      const server = await upstream.next();
      const { bytes } = await ending(server);
      assert.equal(String(bytes), 'PROXY TCP4 192.0.2.1 198.51.100.7 12345 443\r\nhello');
      server.end();
      client.destroy();
      const bad = await proxy.connect();
      bad.write('GET / HTTP/1.1\r\n\r\n');
      assert.equal((await ending(bad)).bytes.length, 0);
      bad.destroy();
      const { counters } = await proxy.report();
      assert.equal(counters.badStart, 1);
      assert.equal(upstream.sockets.length, 1);
    });
  });

  test('whoever is not trusted is closed', async () => {
    await using upstream = await UpstreamServer.listen();
    await ProxyProcess.with(
      ['--to', upstream.address, '--accept-proxy-from', '10.0.0.0/8'],
      async (proxy) => {
        const client = await proxy.connect();
        assert.equal((await ending(client)).bytes.length, 0);
        client.destroy();
        assert.equal(upstream.sockets.length, 0);
      },
    );
  });
});
