import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UDPAddr, UDPConn } from 'gopark/net';
import type { DatagramSocket } from '#dist/poll/datagram-driver.js';
import { Poller } from '#dist/poll/poller.js';
import { text, untext } from '../lib/bytes.ts';
import { CheckedDriver } from '../lib/checked-driver.ts';
import { FakeDriver, type FakeOptions } from '../lib/fake-driver.ts';
import { seeded } from '../lib/random.ts';
import { rejection, turns } from '../lib/waiting.ts';

// The constructor is internal; here sockets are put on a driver of the test's own.
type Make = new (poller: Poller, slot: number, ends: object) => UDPConn;
const MakeConn = UDPConn as unknown as Make;
const rawOf = (addr: UDPAddr) => (addr as unknown as { raw: Int32Array }).raw;
const fdOf = (conn: UDPConn) => (conn as unknown as { fd: { listening(): Promise<void> } }).fd;

class Net {
  readonly fake: FakeDriver;
  readonly checked: CheckedDriver;
  readonly poller: Poller;

  constructor(options: FakeOptions) {
    this.fake = new FakeDriver(options);
    this.checked = new CheckedDriver(this.fake);
    this.poller = new Poller(this.checked);
  }

  async open(remote: UDPAddr | null): Promise<UDPConn> {
    const socket: DatagramSocket = {
      kind: 'udp4',
      ipv6Only: false,
      local: rawOf(new UDPAddr('127.0.0.1', 0)),
      remote: remote === null ? null : rawOf(remote),
      reuseAddress: false,
      reusePort: false,
      mode: -1,
      peerErrors: false,
    };
    const slot = this.checked.datagrams.open(socket);
    const conn = new MakeConn(this.poller, slot, {
      network: 'udp4',
      connected: remote !== null,
      peerErrors: false,
    });
    await this.until(fdOf(conn).listening());
    return conn;
  }

  /** Lets things happen until `promise` has settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = promise.finally(() => {
      settled = true;
    });
    done.catch(() => {});
    for (let i = 0; i < 10_000 && !settled; i++) {
      this.fake.step();
      await turns(1);
    }
    assert.ok(settled, `nothing moves: ${this.fake.describe()}`);
    return done;
  }
}

async function run(options: Partial<FakeOptions>, seed: number): Promise<void> {
  const { below } = seeded(seed);
  const net = new Net({ choose: below, ...options });
  const servers = [await net.open(null), await net.open(null)];
  const clients = await Promise.all(servers.map((server) => net.open(server.localAddr)));
  const got: string[][] = [[], []];
  const sent: string[][] = [[], []];
  const p = new Uint8Array(20);
  for (let i = 0; i < 40; i++) {
    const which = below(2);
    const [server, client] = [servers[which]!, clients[which]!];
    const words = Array.from({ length: 1 + below(4) }, (_, j) => `${which}.${sent[which]!.length + j}`);
    const stop = new AbortController();
    const by = below(3);
    const messages = Array.from({ length: 1 + below(5) }, () => {
      return { data: new Uint8Array(20), length: 0, addr: null };
    });
    const note = (...some: Uint8Array[]) => got[which]!.push(...some.map(untext));
    const receiving =
      by === 0
        ? server.receive(p, stop).then(([n, from]) => {
            assert.ok(from!.equals(client.localAddr));
            note(p.subarray(0, n));
          })
        : by === 1
          ? server.read(p, stop).then((n) => note(p.subarray(0, n)))
          : server.receiveBatch(messages, stop).then((n) => {
              note(...messages.slice(0, n).map(({ data, length }) => data.subarray(0, length)));
            });
    const ended = receiving.catch((error) => assert.ok(stop.signal.aborted, String(error)));
    for (let j = below(4); j > 0; j--) net.fake.step();
    const batch = words.map((word) => ({ data: text(word), length: word.length, addr: null }));
    if (below(2) === 0) await net.until(client.sendBatch(batch));
    else await net.until(Promise.all(words.map((word) => client.write(text(word)))));
    sent[which]!.push(...words);
    const strike = below(3);
    if (strike === 0) {
      stop.abort();
      // At once, while what was cancelled may still be on its way.
      const q = new Uint8Array(20);
      const next = server.read(q).then((n) => note(q.subarray(0, n)));
      await net.until(ended);
      const word = `${which}.${sent[which]!.length}`;
      await net.until(client.write(text(word)));
      sent[which]!.push(word);
      await net.until(next);
    } else if (strike === 1) await turns(below(3));
    else server.setReadTimeout(null);
    await net.until(ended);
  }
  for (const [which, server] of servers.entries()) {
    while (got[which]!.length < sent[which]!.length) {
      const n = await net.until(server.read(p));
      got[which]!.push(untext(p.subarray(0, n)));
    }
    assert.deepEqual(got[which], sent[which], `seed ${seed}`);
    const waiting = rejection(server.read(p));
    const closing = server.close();
    assert.equal((await net.until(waiting)).code, 'ERR_CLOSED');
    await net.until(closing);
    await net.until(clients[which]!.close());
  }
  assert.deepEqual(net.checked.violations, [], `seed ${seed}`);
  assert.deepEqual(net.checked.unfinished, [], `seed ${seed}`);
  assert.equal(net.checked.holds, 0);
}

for (const [name, options] of [
  ['with synchronous attempts', {}],
  ['without any synchronous attempt', { attempts: false, poll: false }],
] as const) {
  test(`datagrams over a driver at its worst, ${name}: each comes once, in order, whatever struck`, async () => {
    const { seed } = seeded();
    for (let i = 0; i < 30; i++) await run(options, seed + i);
  });
}
