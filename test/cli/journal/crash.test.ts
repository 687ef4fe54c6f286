import { test } from 'node:test';
import { crashRounds } from './crash-rounds.ts';

test('kill -9 under load: every acknowledged order is in the journal', { timeout: 600_000 }, (t) =>
  crashRounds(t, 1),
);
