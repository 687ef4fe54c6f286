import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driverSuite } from '../lib/driver-suite.ts';
import { uringSubject } from '../lib/drivers.ts';
import { lacks } from '../lib/needs.ts';

// Rings and buffers that are always full: completions overflow, submissions wait, receives find no buffer. And every
// receive uses a buffer up, as on a kernel before 6.12.
const subject = uringSubject(
  'uring with a tiny ring',
  { slots: 256, inbound: 20 * 1024, outbound: 64 * 1024, maxRecv: 16 * 1024 },
  { submissions: 2, completions: 4 },
  { incremental: null, whole: { count: 2, size: 16 * 1024 } },
);

driverSuite(subject);

test('all this has happened: overflows of the ring, no buffer left', () => {
  const { ring, counts, buffers } = subject.made;
  assert.equal(buffers.incremental, false);
  assert.ok(ring.overflows > 0, 'completions have overflown');
  assert.ok(counts.starved > 0, 'receives have found no buffer');
});

test('and sends in small batches, which went in part', (t) => {
  const { sent, whyPlainSends } = subject.made;
  if (whyPlainSends !== null) {
    t.skip(lacks('this kernel', 'sends as submissions'));
    return;
  }
  assert.ok(sent.calls > 0 && sent.sends <= 2 * sent.calls, `${sent.sends} sends in ${sent.calls} calls`);
  assert.ok(sent.short > 0, 'some did not go whole');
});
