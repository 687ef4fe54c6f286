import { test } from 'node:test';
import { needs } from '../../lib/needs.ts';
import { crashRounds } from '../journal/crash-rounds.ts';

test(
  'kill -9 under load, 2 Ps: every acknowledged order is in the journal',
  {
    ...needs('leases'),
    timeout: 600_000,
  },
  (t) => crashRounds(t, 2),
);
