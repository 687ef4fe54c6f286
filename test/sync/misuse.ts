import assert from 'node:assert/strict';
import { MisuseError } from 'gopark/sync';

/** Asserts that `act` is refused as a mistake of the program. */
export function assertMisuse(act: () => unknown, code: string): void {
  assert.throws(act, (error) => error instanceof MisuseError && error.code === code);
}
