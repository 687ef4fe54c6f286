import type { Client } from '../client.ts';
import type { Ranked } from '../data/skip-list.ts';
import { SortedSet } from '../data/sorted-set.ts';
import { CommandError, syntaxError } from '../errors.ts';
import { argument, toInteger } from './arguments.ts';
import { type Command, reads, writes } from './command.ts';
import { type Bounds, boundsBy, type RangeBy } from './ranges.ts';
import { replyScored, sortedSetOf } from './sorted-sets.ts';

interface Query {
  by: RangeBy;
  reverse: boolean;
  offset: number;
  /** Negative: all. */
  limit: number;
  withScores: boolean;
}

const limitNeedsBy = new CommandError(
  'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX',
);
const noScoresByLex = new CommandError(
  'ERR syntax error, WITHSCORES not supported in combination with BYLEX',
);

/** What follows the bounds; `fixed` says what the name of the command does. */
function query(args: string[], index: number, fixed: Partial<Query> | null): Query {
  const found: Query = { by: 'INDEX', reverse: false, offset: 0, limit: -1, withScores: false, ...fixed };
  for (let i = index; i < args.length; i++) {
    const option = args[i]!.toUpperCase();
    if (option === 'WITHSCORES') {
      found.withScores = true;
    } else if (option === 'LIMIT') {
      found.offset = toInteger(argument(args, i + 1));
      found.limit = toInteger(argument(args, i + 2));
      i += 2;
    } else if (fixed === null && (option === 'BYSCORE' || option === 'BYLEX')) {
      found.by = option === 'BYSCORE' ? 'SCORE' : 'LEX';
    } else if (fixed === null && option === 'REV') {
      found.reverse = true;
    } else {
      throw syntaxError;
    }
  }
  // A limit of -1 is none, as if it had not been said.
  if (found.limit !== -1 && found.by === 'INDEX') throw limitNeedsBy;
  if (found.withScores && found.by === 'LEX') throw noScoresByLex;
  return found;
}

function select(set: SortedSet, bounds: Bounds, { reverse, offset, limit, by }: Query): Ranked[] {
  const { from, to } = bounds(set);
  let skipped = 0;
  let count = Math.max(0, to - from);
  if (by !== 'INDEX') {
    if (offset < 0) return [];
    skipped = Math.min(offset, count);
    count -= skipped;
    if (limit >= 0) count = Math.min(count, limit);
  }
  if (count === 0) return [];
  return [...set.range(reverse ? to - 1 - skipped : from + skipped, count, reverse)];
}

function ranges(fixed: Partial<Query> | null) {
  return (client: Client, args: string[]): void => {
    const asked = query(args, 4, fixed);
    const bounds = boundsBy(asked.by, args[2]!, args[3]!, asked.reverse);
    const set = sortedSetOf(client, args[1]!);
    const found = set === undefined ? [] : select(set, bounds, asked);
    if (asked.withScores) replyScored(client, found);
    else client.reply.bulks(found.map(({ member }) => member));
  };
}

function zrangestore(client: Client, args: string[]): void {
  const asked = query(args, 5, null);
  if (asked.withScores) throw syntaxError;
  const bounds = boundsBy(asked.by, args[3]!, args[4]!, asked.reverse);
  const set = sortedSetOf(client, args[2]!);
  storeScored(client, args[1]!, set === undefined ? [] : select(set, bounds, asked));
}

/** Puts these members in place of whatever the key holds, and answers how many they are. */
export function storeScored(client: Client, key: string, pairs: Iterable<Ranked>): void {
  const { db, reply, server } = client;
  const result = new SortedSet();
  for (const { member, score } of pairs) result.set(member, score);
  const existed = db.delete(key);
  if (result.length > 0) {
    db.put(key, result);
    server.blocked.keyReady(db, key);
  }
  if (existed || result.length > 0) {
    db.changed(key);
    server.dirty++;
  }
  reply.integer(result.length);
}

export const sortedSetRangeCommands: readonly Command[] = [
  reads('zrange', -4, ranges(null)),
  reads('zrevrange', -4, ranges({ by: 'INDEX', reverse: true })),
  reads('zrangebyscore', -4, ranges({ by: 'SCORE' })),
  reads('zrevrangebyscore', -4, ranges({ by: 'SCORE', reverse: true })),
  reads('zrangebylex', -4, ranges({ by: 'LEX' })),
  reads('zrevrangebylex', -4, ranges({ by: 'LEX', reverse: true })),
  writes('zrangestore', -5, zrangestore, [1, 2, 1]),
];
