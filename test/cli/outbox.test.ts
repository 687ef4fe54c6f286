import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Topic } from '#dist/cli/gateway/market.js';
import { Outbox } from '#dist/cli/gateway/outbox.js';

const topic = (symbol: string): Topic => ({ symbol, subscribers: new Set() });
const [a, b] = [topic('A'), topic('B')];
const line = (text: string) => Buffer.from(`${text}\n`, 'latin1');

/** All that is left, in the order in which it would be sent. */
function rest(outbox: Outbox): string {
  let text = '';
  for (let piece = outbox.take(); piece !== null; piece = outbox.take()) text += piece;
  return text;
}

describe('gateway: Outbox', () => {
  test('lines in their order', () => {
    const outbox = new Outbox(10);
    outbox.reply(line('ACK 1'));
    assert.equal(outbox.tick(a, line('TICK A 1')), false);
    outbox.reply(line('ACK 2'));
    assert.equal(rest(outbox), 'ACK 1\nTICK A 1\nACK 2\n');
    assert.ok(outbox.empty);
  });

  test('a full queue keeps the latest tick of each symbol, and every reply', () => {
    const outbox = new Outbox(2);
    for (const price of [1, 2]) assert.equal(outbox.tick(a, line(`TICK A ${price}`)), false);
    assert.ok(outbox.full);
    assert.equal(outbox.tick(a, line('TICK A 3')), false, 'the first that waits replaces none');
    assert.equal(outbox.tick(b, line('TICK B 1')), false);
    assert.equal(outbox.tick(a, line('TICK A 4')), true);
    outbox.reply(line('ACK 1'));
    assert.equal(rest(outbox), 'TICK A 1\nTICK A 2\nACK 1\nTICK A 4\nTICK B 1\n');
  });

  test('while conflated ticks wait, newer ones do not overtake them through the queue', () => {
    const outbox = new Outbox(1);
    outbox.tick(a, line('TICK A 1'));
    outbox.tick(a, line('TICK A 2'));
    assert.equal(String(outbox.take()), 'TICK A 1\n');
    assert.ok(!outbox.full);
    assert.equal(outbox.tick(a, line('TICK A 3')), true);
    assert.equal(rest(outbox), 'TICK A 3\n');
  });

  test('pieces are bounded, and so is what is queued before reading stops', () => {
    const outbox = new Outbox(1_000_000);
    const reply = new Uint8Array(1000);
    let replies = 0;
    for (; !outbox.full; replies++) outbox.reply(reply);
    assert.ok(replies <= 66, `${replies} KB`);
    assert.equal(outbox.take()!.length, 17_000);
    assert.ok(!outbox.full);
  });
});
