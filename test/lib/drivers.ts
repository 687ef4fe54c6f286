import assert from 'node:assert/strict';
import type { Driver } from '#dist/poll/driver.js';
import { driverChoice } from '#dist/poll/drivers/choice.js';
import { EpollDriver } from '#dist/poll/drivers/epoll/driver.js';
import {
  F_DIRTY,
  H_DIRTY,
  H_HOLDS,
  H_OUT_OFFSET,
  H_OUT_START,
  H_SEGMENTS_USED,
  H_SLOTS,
  S_FD,
  S_FLAGS,
  S_OUT_HEAD,
  type Sizes,
  SLOT_SIZE,
} from '#dist/poll/drivers/epoll/layout.js';
import { loadNative, type Native } from '#dist/poll/drivers/epoll/native.js';
import { PortableDriver } from '#dist/poll/drivers/portable/driver.js';
import type { BufferSizes } from '#dist/poll/drivers/uring/buffers.js';
import { UringDriver } from '#dist/poll/drivers/uring/driver.js';
import { Ring, type RingSizes } from '#dist/poll/drivers/uring/ring.js';
import type { Subject } from './driver-suite.ts';
import { turns } from './waiting.ts';

/** A driver whose memory a test can look into. */
export interface Inspected {
  readonly driver: Driver;
  /** Asserts that every slot and every block of memory is free again, as soon as the loop has gone round. */
  assertEmpty(): Promise<void>;
}

const RING: RingSizes = { submissions: 1024, completions: 8192 };
const BUFFERS: BufferSizes = {
  incremental: { count: 16, size: 256 * 1024 },
  whole: { count: 64, size: 64 * 1024 },
};

function makeUring(native: Native, sizes: Sizes, ringSizes: RingSizes, buffers: BufferSizes): UringDriver {
  const ring = Ring.open(native, ringSizes);
  assert.ok(ring instanceof Ring, 'the kernel gives a ring');
  const driver = UringDriver.on(ring, native, sizes, buffers);
  assert.ok(driver instanceof UringDriver, 'the kernel takes the buffers');
  return driver;
}

/** epoll, or io_uring, which has the same, with the words that it shares with C. */
function inspectedNative(sizes: Sizes, uring: boolean): Inspected {
  const native = loadNative();
  let words = new Int32Array(0);
  // The functions of a native module cannot be assigned to, and are not enumerable either.
  const spied: Native = Object.create(native, {
    start: {
      value: (shared: ArrayBuffer, slab: ArrayBuffer, onBatch: () => void) => {
        words = new Int32Array(shared);
        native.start(shared, slab, onBatch);
      },
    },
  });
  return {
    driver: uring ? makeUring(spied, sizes, RING, BUFFERS) : new EpollDriver(spied, sizes),
    async assertEmpty() {
      await turns(3);
      const count = words[H_SLOTS]!;
      assert.equal(words[H_HOLDS], 0, 'holds');
      assert.equal(words[H_DIRTY], 0, 'chains');
      assert.equal(words[H_SEGMENTS_USED], 0, 'segments');
      assert.equal(words[H_OUT_OFFSET], words[H_OUT_START], 'bytes of the outbound slab');
      for (let i = 0, at = words.length - count * SLOT_SIZE; i < count; i++, at += SLOT_SIZE) {
        // Slots that were never used have a descriptor of 0, and no generation either.
        assert.ok(words[at + S_FD]! <= 0, `slot ${i} has a descriptor`);
        assert.ok(words[at + S_OUT_HEAD]! <= 0 && !(words[at + S_FLAGS]! & F_DIRTY), `slot ${i} has a chain`);
      }
    },
  };
}

/** Node's sockets. What leaks a slot is found by a test that needs more connections than there are slots. */
function inspectedPortable({ slots }: Sizes): Inspected {
  return { driver: new PortableDriver({ slots }), assertEmpty: () => turns(3) };
}

/** A driver of the test's own, of the kind that this run of the tests is for; `sizes` as far as it has any. */
export function driverUnderTest(sizes: Sizes): Inspected {
  const { driver } = driverChoice();
  return driver === 'portable' ? inspectedPortable(sizes) : inspectedNative(sizes, driver === 'uring');
}

/** epoll for the driver suite, here and in processes of its own. */
export function epollSubject(name: string, sizes: Sizes): Subject {
  return {
    name,
    harness: new Set(['sockets', 'process']),
    make: () => new EpollDriver(loadNative(), sizes),
    source: `import { EpollDriver } from '#dist/poll/drivers/epoll/driver.js';
      import { loadNative } from '#dist/poll/drivers/epoll/native.js';
      const driver = new EpollDriver(loadNative(), ${JSON.stringify(sizes)});`,
  };
}

/** io_uring for the driver suite. */
export function uringSubject(
  name: string,
  sizes: Sizes,
  ring: RingSizes = RING,
  buffers: BufferSizes = BUFFERS,
): Subject & { readonly made: UringDriver } {
  let made: UringDriver | null = null;
  return {
    name,
    harness: new Set(['sockets', 'process']),
    make: () => {
      made = makeUring(loadNative(), sizes, ring, buffers);
      return made;
    },
    get made() {
      assert.ok(made !== null);
      return made;
    },
    source: `import { UringDriver } from '#dist/poll/drivers/uring/driver.js';
      import { Ring } from '#dist/poll/drivers/uring/ring.js';
      import { loadNative } from '#dist/poll/drivers/epoll/native.js';
      const ring = Ring.open(loadNative(), ${JSON.stringify(ring)});
      const driver = UringDriver.on(ring, loadNative(), ${JSON.stringify(sizes)}, ${JSON.stringify(buffers)});`,
  };
}

/** Node's own sockets for the driver suite. */
export function portableSubject(): Subject {
  return {
    name: 'portable',
    harness: new Set(['sockets', 'process']),
    make: () => new PortableDriver({ slots: 256 }),
    source: `import { PortableDriver } from '#dist/poll/drivers/portable/driver.js';
      const driver = new PortableDriver({ slots: 256 });`,
  };
}
