import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dial, listenPacket } from 'gopark/net';
import { needs } from '../lib/needs.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (p: Uint8Array, n: number) => new TextDecoder().decode(p.subarray(0, n));

describe('UDP', needs('datagrams'), () => {
  test('a datagram there and one back', async () => {
    await using a = await listenPacket('udp', '127.0.0.1:0');
    await using b = await dial('udp', String(a.localAddr));
    const p = new Uint8Array(100);
    const waiting = a.receive(p);
    assert.equal(await b.write(bytes('ping')), 4);
    const [n, from] = await waiting;
    assert.equal(text(p, n), 'ping');
    assert.equal(String(from), String(b.localAddr));
    assert.equal(await a.send(bytes('pong'), from!), 4);
    assert.equal(text(p, await b.read(p)), 'pong');
  });
});
