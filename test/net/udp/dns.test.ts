import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { dial, listenPacket, type UDPConn } from 'gopark/net';
import { go } from 'gopark/runtime';
import { DNSServer } from '../lib/dns-server.ts';

/** A query for A records, as RFC 1035 has it. */
function query(id: number, name: string): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Uint8Array.of(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1);
}

/** Answers every question with one A record, and copies the question back. */
async function serveNames(conn: UDPConn, address: readonly number[]): Promise<void> {
  const p = new Uint8Array(512);
  for (;;) {
    const [n, from] = await conn.receive(p);
    if (from === null || n < 17) continue;
    let end = 12;
    while (end < n && p[end] !== 0) end += p[end]! + 1;
    end += 5;
    const header = Uint8Array.of(p[0]!, p[1]!, 0x84 | (p[2]! & 1), 0, 0, 1, 0, 1, 0, 0, 0, 0);
    const record = Uint8Array.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address);
    await conn.send(Buffer.concat([header, p.subarray(12, end), record]), from);
  }
}

async function hasDig(): Promise<boolean> {
  return promisify(execFile)('dig', ['-v']).then(
    () => true,
    () => false,
  );
}

describe('UDP: DNS', () => {
  test('a client like dig over our UDP, to a server of other make', async () => {
    await using server = await DNSServer.start(({ name }) => (name === 'park.test' ? ['192.0.2.7'] : 3));
    await using conn = await dial('udp', server.address);
    const p = new Uint8Array(512);
    await Promise.all([conn.write(query(1, 'park.test')), conn.write(query(2, 'nobody.test'))]);
    for (let i = 0; i < 2; i++) {
      conn.setReadTimeout(5000);
      const n = await conn.read(p);
      const [id, code] = [p[1], p[3]! & 15];
      if (id === 1) assert.deepEqual([...p.subarray(n - 4, n)], [192, 0, 2, 7]);
      else assert.equal(code, 3);
    }
  });

  test('dig itself asks a server written on listenPacket', async (context) => {
    if (!(await hasDig())) {
      context.skip('this machine lacks dig');
      return;
    }
    const conn = await listenPacket('udp', '127.0.0.1:0');
    const serving = go(() => serveNames(conn, [203, 0, 113, 9]));
    serving.done.catch(() => {});
    const ask = async (name: string) => {
      const args = [
        '@127.0.0.1',
        '-p',
        String(conn.localAddr.port),
        '+short',
        '+tries=1',
        '+timeout=10',
        name,
      ];
      return (await promisify(execFile)('dig', args)).stdout.trim();
    };
    assert.deepEqual(await Promise.all(['park.test', 'a.b.c.test'].map(ask)), ['203.0.113.9', '203.0.113.9']);
    await conn.close();
  });
});
