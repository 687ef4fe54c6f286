import assert from 'node:assert/strict';
import { CopyError, copy, type Reader, type ReadWriteCloser, type Writer } from 'gopark/io';
import { concat, pattern, sameBytes, text } from './bytes.ts';
import { readToEnd } from './peers.ts';
import { rejectionOf, turns } from './waiting.ts';

/** What a copy rejects with. */
export const copyFailure = (promise: Promise<unknown>): Promise<CopyError> => rejectionOf(CopyError, promise);

/** Below and above every bound that matters to somebody on the way. */
const SIZES = [1, 64, 4096, 4097, 16_383, 16_384, 16_385, 65_536, 100_000, 3 << 20, 10];

type Ending = Writer & (Pick<ReadWriteCloser, 'close'> | { closeWrite(): Promise<void> });

const end = (w: Ending) => ('closeWrite' in w ? w.closeWrite() : w.close());

/** What is written to `first` comes out of `source`; what is written to `target` comes out of `last`. */
export interface Way {
  readonly first: Ending;
  readonly source: Reader;
  readonly target: Ending;
  readonly last: Reader;
}

/** Copies pieces of every size from `source` to `target`, behind `before`, and in front of what is written afterwards. */
export async function copyPieces(
  { first, source, target, last }: Way,
  before: Uint8Array = new Uint8Array(0),
): Promise<void> {
  const parts = SIZES.map((size, i) => pattern(size, i + 1));
  const earlier = before.length > 0 ? target.write(before) : Promise.resolve(0);
  const copying = copy(target, source);
  const reading = readToEnd(last);
  for (const part of parts) {
    await first.write(part);
    if (part.length < 5000) await turns(3);
  }
  await end(first);
  const total = concat(parts);
  assert.equal(await copying, total.length);
  assert.equal(await earlier, before.length);
  await target.write(text('after'));
  await end(target);
  sameBytes(await reading, concat([before, total, text('after')]));
}
