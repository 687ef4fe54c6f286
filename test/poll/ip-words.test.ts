import assert from 'node:assert/strict';
import { isIPv6, SocketAddress } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIPv4, formatIPv6, parseIP } from '#dist/poll/ip-words.js';

const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
const words = (groups: readonly number[]) => [0, 2, 4, 6].map((i) => (groups[i]! << 16) | groups[i + 1]!);

test('IPv6: every address there and back, and as the system writes it', () => {
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      // Addresses with IPv4 in them the system writes in its own way.
      if (groups.slice(0, 5).every((part) => part === 0)) groups[0] = 1;
      const text = formatIPv6(words(groups));
      assert.ok(isIPv6(text), text);
      assert.deepEqual(parseIP(text), words(groups));
      assert.equal(new SocketAddress({ address: text, family: 'ipv6' }).address, text);
      const full = groups.map((part) => part.toString(16).padStart(4, '0').toUpperCase()).join(':');
      assert.deepEqual(parseIP(full), words(groups));
    }),
  );
});

test('IPv4: every address there and back', () => {
  fc.assert(
    fc.property(fc.integer(), (word) => {
      assert.deepEqual(parseIP(formatIPv4(word)), [word]);
      assert.deepEqual(parseIP(`::ffff:${formatIPv4(word)}`), [word], 'mapped into IPv6');
    }),
  );
});

test('the edges', () => {
  for (const [text, written] of [
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['0:0:1:0:0:0:1:0', '0:0:1::1:0'],
    ['1:0:2:0:3:0:4:0', '1:0:2:0:3:0:4:0'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ] as const) {
    assert.equal(formatIPv6(parseIP(text)!), written);
  }
  for (const text of [
    '',
    ' ',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    ':::',
    '1::2::3',
    'fe80::1%lo',
    '12345::',
  ]) {
    assert.equal(parseIP(text), null, text);
  }
});
