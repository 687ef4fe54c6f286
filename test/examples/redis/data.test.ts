import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { globMatches } from '#examples/redis/data/glob.js';
import { type Indexed, IndexedMap } from '#examples/redis/data/indexed-map.js';
import { List } from '#examples/redis/data/list.js';
import { SortedSet } from '#examples/redis/data/sorted-set.js';
import { formatDouble, parseDouble, sumOfDecimals } from '#examples/redis/protocol/doubles.js';
import { integerOf, isInteger, negated, sum } from '#examples/redis/protocol/integers.js';

test('List does what an array does', () => {
  const operation = fc.tuple(fc.nat(8), fc.nat(1000), fc.string({ maxLength: 2 }));
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const list = new List();
      const model: string[] = [];
      for (const [what, number, value] of operations) {
        const at = model.length === 0 ? 0 : number % model.length;
        if (what < 2) {
          list.push(value);
          model.push(value);
        } else if (what < 4) {
          list.unshift(value);
          model.unshift(value);
        } else if (what === 4 && model.length > 0) {
          assert.equal(list.pop(), model.pop());
        } else if (what === 5 && model.length > 0) {
          assert.equal(list.shift(), model.shift());
        } else if (what === 6) {
          list.insert(at, value);
          model.splice(at, 0, value);
        } else if (what === 7 && model.length > 0) {
          list.set(at, value);
          model[at] = value;
        } else if (what === 8) {
          list.filter((one, i) => one !== value && i !== at);
          model.splice(0, Number.POSITIVE_INFINITY, ...model.filter((one, i) => one !== value && i !== at));
        }
        assert.deepEqual(
          Array.from({ length: list.length }, (_, i) => list.at(i)),
          model,
        );
      }
    }),
  );
});

test('SortedSet does what a sorted array does', () => {
  const operation = fc.record({
    removes: fc.boolean(),
    member: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz\xff'),
    score: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(Infinity, -Infinity, 0.5)),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 150 }), (operations) => {
      const set = new SortedSet();
      const model = new Map<string, number>();
      for (const { removes, member, score } of operations) {
        if (removes) assert.equal(set.delete(member), model.delete(member));
        else {
          const old = model.get(member);
          assert.equal(
            set.set(member, score),
            old === undefined ? 'added' : old === score ? 'same' : 'changed',
          );
          model.set(member, score);
        }
        const sorted = [...model]
          .sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
          .map(([key, value]) => ({ key, value }));
        // Infinity - Infinity is no number, and equal.
        assert.deepEqual(
          [...set.range(0, set.length)].map(({ member: key, score: value }) => ({ key, value })),
          sorted,
        );
        for (const [i, { key }] of sorted.entries()) assert.equal(set.rank(key), i);
        const before = sorted.filter(({ value }) => value < score).length;
        assert.equal(
          set.countBefore((one) => one.score >= score),
          before,
        );
        const last = sorted.length - 1;
        assert.deepEqual(
          [...set.range(last, 3, true)].map(({ member: key }) => key),
          sorted
            .slice(-3)
            .reverse()
            .map(({ key }) => key),
        );
      }
    }),
  );
});

test('a scan sees whatever is there from its beginning to its end', () => {
  const change = fc.record({ adds: fc.boolean(), key: fc.nat(60) });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(60), { minLength: 1 }),
      fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      (keys, rounds, count) => {
        const map = new IndexedMap<Indexed>();
        const add = (key: string) => map.has(key) || map.add({ key, index: 0 });
        for (const key of keys) add(String(key));
        const always = new Set(keys.map(String));
        const seen = new Set<string>();
        let cursor = 0;
        for (let round = 0; ; round++) {
          cursor = map.scan(cursor, count, ({ key }) => seen.add(key));
          if (cursor === 0) break;
          for (const { adds, key } of rounds[round] ?? []) {
            if (adds) add(String(key));
            else {
              const entry = map.get(String(key));
              if (entry !== undefined) map.delete(entry);
              always.delete(String(key));
            }
          }
        }
        for (const key of always) assert.ok(seen.has(key), `${key} was not seen`);
      },
    ),
    { numRuns: 500 },
  );
});

test('IndexedMap.sample: that many, no two alike', () => {
  const map = new IndexedMap<Indexed>();
  for (let i = 0; i < 100; i++) map.add({ key: String(i), index: 0 });
  for (const count of [0, 1, 20, 40, 99, 100, 200]) {
    const keys = map.sample(count).map(({ key }) => key);
    assert.equal(keys.length, Math.min(100, count));
    assert.equal(new Set(keys).size, keys.length);
  }
});

const globs: readonly [string, string, boolean][] = [
  ['*', '', true],
  ['h?llo', 'hello', true],
  ['h?llo', 'hllo', false],
  ['h*llo', 'heeeello', true],
  ['h[ae]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[a-c]llo', 'hbllo', true],
  ['h[c-a]llo', 'hbllo', true],
  ['h\\*llo', 'h*llo', true],
  ['h\\*llo', 'hxllo', false],
  ['[a', 'a', true],
  ['[\\]]', ']', true],
  ['', 'a', false],
  ['a*b*c', 'aXbYc', true],
  ['a*b*c', 'aXbY', false],
];
for (const [pattern, text, fits] of globs) {
  test(`${JSON.stringify(pattern)} ${fits ? 'fits' : 'does not fit'} ${JSON.stringify(text)}`, () => {
    assert.equal(globMatches(pattern, text), fits);
  });
}

test('a pattern of many stars takes no time without end', () => {
  assert.equal(globMatches('*a'.repeat(500), `${'a'.repeat(499)}b`.repeat(4)), false);
});

test('integers are those of 64 bits, spelled in one way', () => {
  for (const good of ['0', '-1', '10', '9223372036854775807', '-9223372036854775808'])
    assert.ok(isInteger(good));
  const bad = [
    '',
    '-',
    '+1',
    '01',
    '-0',
    ' 1',
    '1 ',
    '1.0',
    '9223372036854775808',
    '-9223372036854775809',
    'x',
  ];
  for (const text of bad) {
    assert.equal(isInteger(text), false, text);
    assert.equal(integerOf(text), null, text);
  }
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (a, b) => {
      const total = a + b;
      const fits = total >= -(2n ** 63n) && total < 2n ** 63n;
      assert.equal(sum(String(a), String(b)), fits ? String(total) : null);
      assert.equal(integerOf(String(a)), Number(a));
    }),
  );
  assert.equal(negated('-9223372036854775808'), null);
});

test('doubles as Redis spells them', () => {
  const spelled: [number, string][] = [
    [1, '1'],
    [-0, '-0'],
    [0.1, '0.1'],
    [1e20, '1e+20'],
    [1.5e-7, '1.5e-07'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [1234567890123, '1234567890123'],
  ];
  for (const [value, text] of spelled) assert.equal(formatDouble(value), text);
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      assert.ok(Object.is(parseDouble(formatDouble(value)), value));
    }),
  );
  for (const bad of ['', ' 1', '1 ', '1x', 'nan', '--1', '.', 'e5'])
    assert.equal(parseDouble(bad), null, bad);
});

test('decimals are added as decimals', () => {
  assert.equal(sumOfDecimals('0.1', '0.2'), '0.3');
  assert.equal(sumOfDecimals('10.50', '-0.5'), '10');
  assert.equal(sumOfDecimals('-1', '0.5'), '-0.5');
  assert.equal(sumOfDecimals('5.0e3', '2.0e2'), '5200');
  assert.equal(sumOfDecimals('1e308', '1e308'), null);
  assert.equal(sumOfDecimals('0', '1e-400'), '0');
});
