// Random operations on LinkBuffers beside naive arrays: what is read is what was written, what was lent stays as it
// was until its release, whatever happens in between, and in the end every block is back in its pool.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockPool, LinkBuffer, type LinkReader } from 'gopark/linkbuffer';
import { Recorder } from './lib.ts';

const poisoned = process.env.GOPARK_POISON === '1';

interface Cell {
  byte: number;
}

/** Something that was lent and what must be in it. */
interface Loan {
  view: Uint8Array;
  expected: Uint8Array;
}

interface Allocation {
  view: Uint8Array;
  cells: Cell[];
}

interface Subject {
  buffer: LinkBuffer;
  data: number[];
  unflushed: Cell[];
  loans: Loan[];
  allocations: Allocation[];
}

interface Slice {
  reader: LinkReader;
  data: number[];
  loans: Loan[];
}

class World {
  readonly pool: BlockPool;
  readonly subjects: Subject[];
  readonly slices: Slice[] = [];
  /** The driver's memory; what it holds is only promised until all is settled. */
  readonly slab = new Uint8Array(512);
  slabUsed = 0;
  /** What callers wrote without a copy. */
  linked: Uint8Array[] = [];
  #next = 0;

  constructor(blockSize: number) {
    this.pool = new BlockPool({ blockSize, idleFloor: 0 });
    this.subjects = [0, 1].map(() => ({
      buffer: new LinkBuffer({ pool: this.pool, owner: new Recorder() }),
      data: [],
      unflushed: [],
      loans: [],
      allocations: [],
    }));
  }

  /** Bytes that differ from their neighbours, a line end now and then. */
  fresh(n: number): Uint8Array<ArrayBuffer> {
    const p = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      this.#next = (this.#next * 31 + 7) % 65521;
      p[i] = this.#next % 11 === 0 ? 10 : 11 + (this.#next % 240);
    }
    return p;
  }

  /** Fills what was allocated, late, as a caller may do until the flush. */
  fill(subject: Subject): void {
    for (const { view, cells } of subject.allocations) {
      const p = this.fresh(view.length);
      // Half of them are not filled to the end: the rest has to be zero.
      const length = p[0]! % 2 === 0 ? p.length : p.length >> 1;
      view.set(p.subarray(0, length));
      for (let i = 0; i < view.length; i++) cells[i]!.byte = view[i]!;
      if (!poisoned) assert.ok(view.subarray(length).every((byte) => byte === 0));
    }
    subject.allocations = [];
  }

  settle(): void {
    for (const { buffer } of this.subjects) buffer.settleLent();
    this.slab.fill(0xee);
    this.slabUsed = 0;
  }

  check(): void {
    for (const { buffer, data, unflushed, loans } of this.subjects) {
      assert.equal(buffer.len, data.length);
      assert.equal(buffer.mallocLen, unflushed.length);
      for (const { view, expected } of loans) assert.deepEqual(view, expected);
    }
    for (const { reader, data, loans } of this.slices) {
      assert.equal(reader.len, data.length);
      for (const { view, expected } of loans) assert.deepEqual(view, expected);
    }
  }

  /** Everything ends; nothing may be missing from the pool, but for what is lent when its buffer closes. */
  end(): void {
    for (const { buffer } of this.subjects) buffer.release();
    for (const { reader } of this.slices) reader.release();
    for (const { buffer, data, unflushed } of this.subjects) {
      assert.equal(buffer.lending, false);
      if (data.length + unflushed.length === 0) assert.equal(buffer.heldLength, 0);
    }
    for (const { buffer } of this.subjects) buffer.close();
    assert.deepEqual(
      { ...this.pool.stats(), blocksIdle: 0, bytesIdle: 0 },
      {
        blocksInUse: 0,
        bytesInUse: 0,
        blocksIdle: 0,
        bytesIdle: 0,
      },
    );
  }
}

type Step = [operation: number, n: number, which: number];
type Action = (world: World, subject: Subject, n: number, other: Subject) => void;

function lend(loans: Loan[], view: Uint8Array, expected: readonly number[]): void {
  assert.deepEqual(view, Uint8Array.from(expected));
  loans.push({ view, expected: Uint8Array.from(expected) });
}

/** The reading calls, on a buffer or a slice. */
const reads: ((reader: LinkReader, data: number[], loans: Loan[], n: number) => void)[] = [
  (reader, data, loans, n) => {
    const view = reader.tryNext(n);
    lend(loans, view!, data.splice(0, n));
  },
  (reader, data, loans, n) => lend(loans, reader.tryPeek(n)!, data.slice(0, n)),
  (reader, data, _loans, n) => {
    assert.equal(reader.trySkip(n), true);
    data.splice(0, n);
  },
  (reader, data, loans) => {
    const at = data.indexOf(10);
    assert.equal(reader.indexOf(10), at);
    if (at < 0 && !(reader instanceof LinkBuffer && reader.ended)) {
      assert.equal(reader.tryUntil('\n'), undefined);
      return;
    }
    const view = reader.tryUntil(10);
    if (data.length === 0) assert.equal(view, null);
    else lend(loans, view!, data.splice(0, at < 0 ? data.length : at + 1));
  },
  (reader, data, _loans, n) =>
    assert.equal(reader.tryReadString(n), Buffer.from(data.splice(0, n)).toString('utf8')),
  (reader, data, _loans, n) => assert.deepEqual(reader.tryReadBinary(n), Uint8Array.from(data.splice(0, n))),
  (reader, data) => {
    if (data.length > 0) assert.equal(reader.tryReadByte(), data.shift());
  },
  (reader, data, _loans, n) => {
    const p = new Uint8Array(n + 3);
    const count = reader.tryRead(p);
    if (data.length === 0) assert.ok(count === undefined || count === null);
    else assert.deepEqual([...p.subarray(0, count!)], data.splice(0, n + 3));
  },
  (reader, data, _loans, n) => {
    assert.equal(reader.byteAt(n), data[n] ?? -1);
    assert.equal(reader.indexOf(10, n), data.indexOf(10, n));
  },
];

const actions: Action[] = [
  // Writing
  (world, subject, n) => {
    const { buffer, unflushed, allocations } = subject;
    const view = buffer.malloc(n);
    assert.equal(view.length, n);
    if (!poisoned)
      assert.ok(
        view.every((byte) => byte === 0),
        'fresh memory shows what somebody left',
      );
    const cells = Array.from(view, (byte) => ({ byte }));
    allocations.push({ view, cells });
    unflushed.push(...cells);
    if (n % 4 === 0) world.fill(subject);
  },
  (world, { buffer, unflushed }, n) => {
    const p = world.fresh(n);
    buffer.writeBinary(p);
    unflushed.push(...Array.from(p, (byte) => ({ byte })));
    p.fill(0);
  },
  (world, { buffer, unflushed }, n) => {
    const p = world.fresh(4097 + n);
    buffer.writeBinary(p);
    world.linked.push(p);
    unflushed.push(...Array.from(p, (byte) => ({ byte })));
  },
  (_world, { buffer, unflushed }, n) => {
    const s = 'aé€😀'.repeat(n).slice(0, n);
    const encoded = new TextEncoder().encode(s);
    assert.equal(buffer.writeString(s), encoded.length);
    unflushed.push(...Array.from(encoded, (byte) => ({ byte })));
  },
  (_world, { buffer, unflushed }, n) => {
    buffer.writeByte(n % 256);
    unflushed.push({ byte: n % 256 });
  },
  (world, { buffer, unflushed }, n) => {
    const p = world.fresh(n);
    const remain = unflushed.length === 0 ? 0 : (n * 7) % (unflushed.length + 1);
    buffer.writeDirect(p, remain);
    world.linked.push(p);
    unflushed.splice(unflushed.length - remain, 0, ...Array.from(p, (byte) => ({ byte })));
  },
  (world, subject, n) => {
    world.fill(subject);
    const keep = n % (subject.unflushed.length + 1);
    subject.buffer.mallocAck(keep);
    subject.unflushed.length = keep;
  },
  (world, subject) => {
    world.fill(subject);
    void subject.buffer.flush();
    subject.data.push(...subject.unflushed.map(({ byte }) => byte));
    subject.unflushed = [];
  },
  (world, subject, _n, other) => {
    world.fill(subject);
    world.fill(other);
    subject.buffer.append(other.buffer);
    subject.unflushed.push(
      ...other.data.map((byte) => ({ byte })),
      ...other.unflushed.map(({ byte }) => ({ byte })),
    );
    other.data = [];
    other.unflushed = [];
    other.loans = [];
  },
  (world, subject) => {
    const slice = world.slices.shift();
    if (slice === undefined) return;
    subject.buffer.append(slice.reader);
    subject.unflushed.push(...slice.data.map((byte) => ({ byte })));
  },
  (_world, subject, n, other) => {
    const count = Math.min(n, other.data.length);
    other.buffer.moveTo(subject.buffer, count);
    subject.unflushed.push(...other.data.splice(0, count).map((byte) => ({ byte })));
  },
  // What a reader lent is written to another buffer, or the same one, and released while it is still there.
  (_world, { buffer, unflushed }, n, { loans }) => {
    const { view, expected } = loans[n % Math.max(loans.length, 1)] ?? {};
    if (view === undefined || view.length === 0) return;
    buffer.writeDirect(view);
    unflushed.push(...Array.from(expected!, (byte) => ({ byte })));
  },
  (world, { buffer }, _n, other) => {
    if (world.slices.length + world.subjects[0]!.loans.length + world.subjects[1]!.loans.length > 0) return;
    buffer.settleLinked();
    other.buffer.settleLinked();
    for (const p of world.linked) p.fill(0xdd);
    world.linked = [];
  },
  // The driver
  (world, { buffer, data, unflushed }, n) => {
    if (unflushed.length > 0) return;
    const space = buffer.reserve(n + 1);
    assert.ok(space.length > n);
    space.fill(0xaa);
    const p = world.fresh(n);
    space.set(p);
    buffer.commit(n);
    data.push(...p);
  },
  (world, { buffer, data, unflushed }, n) => {
    if (unflushed.length > 0) return;
    if (world.slabUsed + n > world.slab.length) world.settle();
    const size = Math.min(n, world.slab.length);
    const p = world.fresh(size);
    world.slab.set(p, world.slabUsed);
    buffer.lend(world.slab, world.slabUsed, world.slabUsed + size);
    world.slabUsed += size;
    data.push(...p);
  },
  (world) => world.settle(),
  (_world, { buffer, data }, n) => {
    const out: Uint8Array[] = [];
    const total = buffer.vectors(out, 1 + (n % 4));
    assert.deepEqual(Buffer.concat(out), Buffer.from(data.slice(0, total)));
    assert.ok(data.length === 0 || total > 0);
    const count = Math.min(total, n);
    buffer.consume(count);
    data.splice(0, count);
  },
  // Giving back
  (_world, subject) => {
    subject.loans = [];
    subject.buffer.release();
  },
  (world, subject, n) => {
    const { buffer, data } = subject;
    const count = Math.min(n, data.length);
    const reader = buffer.trySlice(count)!;
    world.slices.push({ reader, data: data.splice(0, count), loans: [] });
  },
  (world, _subject, n) => {
    const [slice] = world.slices.splice(n % Math.max(world.slices.length, 1), 1);
    slice?.reader.release();
  },
  (world, _subject, n) => {
    const slice = world.slices[n % Math.max(world.slices.length, 1)];
    if (slice === undefined) return;
    reads[n % reads.length]!(slice.reader, slice.data, slice.loans, Math.min(n, slice.data.length));
  },
  ...reads.map(
    (read): Action =>
      (_world, { buffer, data, loans }, n) =>
        read(buffer, data, loans, Math.min(n, data.length)),
  ),
];

const steps = fc.array(
  fc.tuple(
    fc.nat(actions.length - 1),
    fc.oneof({ weight: 6, arbitrary: fc.nat(20) }, { weight: 1, arbitrary: fc.nat(300) }),
    fc.nat(1),
  ),
  { maxLength: 120, size: 'max' },
);

for (const blockSize of [8, 13, 64, 1024]) {
  test(`random operations, blocks of ${blockSize} bytes`, () => {
    fc.assert(
      fc.property(steps as fc.Arbitrary<Step[]>, (sequence) => {
        const world = new World(blockSize);
        for (const [operation, n, which] of sequence) {
          actions[operation]!(world, world.subjects[which]!, n, world.subjects[1 - which]!);
          world.check();
        }
        world.end();
      }),
      { numRuns: Number(process.env.GOPARK_RUNS ?? 400) },
    );
  });
}
