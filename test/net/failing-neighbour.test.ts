import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dial, listen } from 'gopark/net';
import { needs } from '../lib/needs.ts';
import { until } from '../lib/waiting.ts';

test(
  'whoever is told that a send has failed may flush another connection, of which nothing is lost',
  needs('linger'),
  async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const pair = async () => [await dial('tcp', String(listener.addr)), await listener.accept()] as const;
    const [failing, gone] = await pair();
    const [conn, peer] = await pair();
    const { fd } = conn;
    const { driver } = fd.poller;
    gone.setLinger(0);
    gone.closeNow();
    const piece = new Uint8Array(4000);
    let sent = 0;
    // Until the kernel has had no room for some time.
    for (let i = 0; i < 8; i++) {
      for (let n = 1; n > 0; sent += Math.max(0, n)) n = driver.trySend(fd.slot, piece, 0, piece.length);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    const { faulted } = failing.fd;
    let told = false;
    failing.fd.faulted = (...fault) => {
      told = true;
      faulted.apply(failing.fd, fault);
      driver.flushNow(fd.slot);
    };
    // Both are sent in one go, this one first.
    void failing.write(piece).catch(() => {});
    for (let i = 0; i < 4; i++, sent += piece.length) void conn.write(piece);
    await until(() => told, 'the first one has failed');
    const p = new Uint8Array(1 << 20);
    peer.setReadTimeout(5000);
    for (let got = 0; got < sent; ) {
      const n = await peer.read(p);
      assert.ok(n !== null);
      got += n;
    }
    for (const each of [failing, conn, peer]) each.closeNow();
    await listener.close();
  },
);
