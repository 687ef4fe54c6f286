import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Lane } from '#dist/sync/shared/lane.js';
import { Lanes } from '#dist/sync/shared/lanes.js';
import { EMPTY, FULL, PUT, taken, takenLength } from '#dist/sync/shared/records.js';

type Step = { put: number; kind: number } | 'take';

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ put: fc.nat(70), kind: fc.nat(5) }) },
  { weight: 5, arbitrary: fc.constant('take' as const) },
);

describe('sync: the lane of a SharedChan', () => {
  test('is a bounded queue, whatever the lengths', () => {
    let full = 0;
    fc.assert(
      fc.property(
        fc.nat(6),
        fc.nat(60),
        fc.integer(),
        fc.array(step, { maxLength: 200 }),
        (more, bytes, from, steps) => {
          const sizes = { capacity: more + 1, bytes };
          const buffer = new SharedArrayBuffer(64 + Lane.sizeOf(sizes));
          // Numbers wrap around: begin anywhere.
          const words = new Int32Array(buffer, 64);
          words[1] = words[16] = from;
          const [lane, again] = [new Lane(buffer, 64, sizes), new Lane(buffer, 64, sizes)];
          const model: { kind: number; bytes: Uint8Array }[] = [];
          let filled = 0;
          for (const one of steps) {
            assert.equal(lane.length, model.length);
            if (one === 'take') {
              const kind = again.take();
              const expected = model.shift();
              if (expected === undefined) {
                assert.equal(kind, EMPTY);
              } else {
                assert.equal(kind, expected.kind);
                assert.deepEqual(taken.slice(0, takenLength), expected.bytes);
              }
            } else if (one.put <= bytes) {
              const p = new Uint8Array(one.put).map(() => filled++ % 251);
              const { hasRoom } = lane;
              const result = lane.put(one.kind, p);
              if (model.length === 0) assert.ok(hasRoom, 'an empty one takes any value');
              if (model.length === sizes.capacity) assert.equal(result, FULL);
              if (hasRoom) assert.equal(result, PUT);
              if (result === PUT) model.push({ kind: one.kind, bytes: p });
              else full++;
            }
          }
        },
      ),
      // One that fills it, whatever chance brings.
      {
        examples: [
          [
            0,
            10,
            0,
            [
              { put: 1, kind: 1 },
              { put: 1, kind: 2 },
            ],
          ],
        ],
      },
    );
    assert.ok(full > 0);
  });

  test('has one owner', () => {
    const sizes = { capacity: 1, bytes: 1 };
    const lane = new Lane(new SharedArrayBuffer(Lane.sizeOf(sizes)), 0, sizes);
    assert.deepEqual([lane.claim(1), lane.claim(2)], [true, false]);
    lane.disown(2);
    assert.equal(lane.claim(2), false);
    lane.disown(1);
    assert.equal(lane.claim(2), true);
  });

  test('a value larger than what was ever taken', () => {
    const lanes = Lanes.create({ capacity: 2, bytes: 1 << 20 }, 1);
    const large = new Uint8Array(1 << 20).fill(7);
    assert.equal(lanes.put(3, large), PUT);
    assert.equal(lanes.take(), 3);
    assert.ok(Buffer.from(taken.buffer, 0, takenLength).equals(large));
  });

  test('what is none is none', () => {
    assert.equal(Lanes.isOne(new SharedArrayBuffer(1000)), false);
    assert.equal(Lanes.isOne(new SharedArrayBuffer(4)), false);
    assert.equal(Lanes.isOne(new ArrayBuffer(1000)), false);
    assert.equal(Lanes.isOne(Lanes.create({ capacity: 1, bytes: 1 }, 1).buffer), true);
  });
});
