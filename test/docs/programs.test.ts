import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allPrograms } from './programs.ts';
import { scenarios } from './scenarios/index.ts';

const programs = allPrograms();
/** Blocks that are compiled and not run; each is one claim less that is held. */
const NOT_RUN = 6;

test('nearly all programs on the pages run', (t) => {
  const only = programs.filter(({ runs }) => !runs).map(({ id }) => id);
  t.diagnostic(`${programs.length} programs, compiled and not run: ${only.join(', ')}`);
  assert.ok(programs.length > 50, `only ${programs.length} programs were found`);
  assert.ok(only.length <= NOT_RUN, `${only.length} are only compiled: ${only.join(', ')}`);
});

test('no scenario has lost its program', () => {
  const ids = new Set(programs.map(({ id }) => id));
  assert.deepEqual(
    [...scenarios.keys()].filter((id) => !ids.has(id)),
    [],
  );
});
