import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copy } from 'gopark/io';
import { pattern, sameBytes } from '../../lib/bytes.ts';
import { runChild } from '../../lib/child.ts';
import { openDescriptors } from '../../lib/descriptors.ts';
import { needs } from '../../lib/needs.ts';
import { tcpPair } from '../../lib/pair.ts';
import { readExactly } from '../../lib/peers.ts';
import { turns, until } from '../../lib/waiting.ts';
import { type Chain, pipes } from './lib.ts';

test('pipes that nobody needs any more are closed', needs('splice'), async () => {
  const { code, stderr } = await runChild(`
    import { readdirSync, readlinkSync } from 'node:fs';
    // The wait that takes seconds otherwise.
    const real = setTimeout;
    globalThis.setTimeout = (action, ms, ...rest) => real(action, ms === 5000 ? 50 : ms, ...rest);
    const { copyN } = await import('gopark/io');
    const { dial, listen } = await import('gopark/net');
    const listener = await listen('tcp', '127.0.0.1:0');
    const pair = async () => Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
    const [a, source] = await pair();
    const [target, b] = await pair();
    const pipes = () => readdirSync('/proc/self/fd').filter((fd) => {
      try { return readlinkSync('/proc/self/fd/' + fd).startsWith('pipe:'); } catch { return false; }
    }).length;
    const before = pipes();
    // Little more than goes by memory: the pipe is needed for its end only.
    // Where connections are received ahead of their reader, that goes by memory, too.
    const size = process.env.GOPARK_DRIVER === 'uring' ? 200_000 : 20_000;
    const writing = a.write(new Uint8Array(size));
    await copyN(target, source, size);
    await writing;
    const used = pipes() - before;
    while (pipes() > before) await new Promise((resolve) => real(resolve, 10));
    console.error(used);
    process.exit(0);
  `);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^2$/m);
});

test('a thousand pairs: two descriptors each, idle again after much', needs('splice'), async () => {
  const COUNT = 1000;
  const before = openDescriptors().length;
  const idle = pipes();
  const chains: Chain[] = [];
  for (let i = 0; i < COUNT; i++) {
    const [{ a, b: source }, { a: target, b }] = await Promise.all([tcpPair(), tcpPair()]);
    chains.push({ a, source, target, b });
  }
  const copies = chains.flatMap(({ source, target }) => [copy(target, source), copy(source, target)]);
  const bytes = pattern(100_000);
  await Promise.all(
    chains.map(async ({ a, b }) => {
      const reading = readExactly(b, bytes.length);
      await a.write(bytes);
      sameBytes(await reading, bytes);
    }),
  );
  await turns(3);
  const kept = pipes() - idle;
  assert.ok(kept <= 16, `${kept} ends of pipes`);
  assert.ok(openDescriptors().length - before - kept <= 4 * COUNT, 'two a pair, and two for its peers');
  for (const { a, b } of chains) {
    a.closeNow();
    b.closeNow();
  }
  await Promise.allSettled(copies);
  for (const { source, target } of chains) {
    source.closeNow();
    target.closeNow();
  }
  await until(() => openDescriptors().length <= before + 16, 'all descriptors to be closed');
});
