import type { Client } from '../client.ts';
import { globMatches } from '../data/glob.ts';
import type { Ranked } from '../data/skip-list.ts';
import type { SortedSet } from '../data/sorted-set.ts';
import { CommandError, syntaxError } from '../errors.ts';
import { formatDouble } from '../protocol/doubles.ts';
import { toCount, toDouble, toInteger } from './arguments.ts';
import { type Command, reads, writes } from './command.ts';
import { scanOptions } from './keys.ts';
import { type Bounds, indexBounds, scoreBounds, textBounds } from './ranges.ts';
import { sortedSetFor, written } from './values.ts';

export function sortedSetOf({ db }: Client, key: string): SortedSet | undefined {
  return db.getKind(key, 'zset');
}

const notANumber = new CommandError('ERR resulting score is not a number (NaN)');
const alsoIncrement = new CommandError('ERR INCR option supports a single increment-element pair');
const contradicting = new CommandError('ERR XX and NX options at the same time are not compatible');
const ordering = new CommandError('ERR GT, LT, and/or NX options at the same time are not compatible');

function zadd(client: Client, args: string[]): void {
  const flags = new Set<string>();
  let i = 2;
  for (; i < args.length; i++) {
    const flag = args[i]!.toUpperCase();
    if (!['NX', 'XX', 'GT', 'LT', 'CH', 'INCR'].includes(flag)) break;
    flags.add(flag);
  }
  const pairs = args.slice(i);
  if (pairs.length === 0 || pairs.length % 2 !== 0) throw syntaxError;
  if (flags.has('NX') && flags.has('XX')) throw contradicting;
  if ((flags.has('GT') || flags.has('LT')) && flags.has('NX')) throw ordering;
  if (flags.has('GT') && flags.has('LT')) throw ordering;
  if (flags.has('INCR') && pairs.length > 2) throw alsoIncrement;
  addPairs(client, args[1]!, pairs, flags);
}

function addPairs(client: Client, key: string, pairs: string[], flags: ReadonlySet<string>) {
  const { reply } = client;
  const scores = pairs.filter((_, at) => at % 2 === 0).map((text) => toDouble(text));
  const found = sortedSetOf(client, key);
  let added = 0;
  let changed = 0;
  let result: number | null = null;
  // None comes into being for what is not put into it.
  const set = found ?? (flags.has('XX') ? undefined : sortedSetFor(client, key));
  if (set !== undefined) {
    for (let i = 0; i < scores.length; i++) {
      const member = pairs[i * 2 + 1]!;
      const old = set.score(member);
      const score = flags.has('INCR') ? (old ?? 0) + scores[i]! : scores[i]!;
      if (old === undefined ? flags.has('XX') : flags.has('NX')) continue;
      if (Number.isNaN(score)) throw notANumber;
      if (old !== undefined && flags.has('GT') && score <= old) continue;
      if (old !== undefined && flags.has('LT') && score >= old) continue;
      const change = set.set(member, score);
      result = score;
      if (change === 'added') added++;
      else if (change === 'changed') changed++;
    }
    written(client, key, set, added + changed);
    if (added > 0) client.server.blocked.keyReady(client.db, key);
  }
  if (!flags.has('INCR')) return reply.integer(flags.has('CH') ? added + changed : added);
  if (result === null) reply.null();
  else reply.double(result);
}

function zincrby(client: Client, args: string[]): void {
  addPairs(client, args[1]!, [args[2]!, args[3]!], new Set(['INCR']));
}

function zrem(client: Client, args: string[]) {
  const set = sortedSetOf(client, args[1]!);
  if (set === undefined) return client.reply.integer(0);
  let removed = 0;
  for (let i = 2; i < args.length; i++) if (set.delete(args[i]!)) removed++;
  written(client, args[1]!, set, removed);
  client.reply.integer(removed);
}

function replyScore({ reply }: Client, score: number | undefined): void {
  if (score === undefined) reply.null();
  else reply.double(score);
}

function zmscore(client: Client, args: string[]): void {
  const set = sortedSetOf(client, args[1]!);
  client.reply.array(args.length - 2);
  for (let i = 2; i < args.length; i++) replyScore(client, set?.score(args[i]!));
}

function counts(bounds: (min: string, max: string) => Bounds) {
  return (client: Client, args: string[]): void => {
    const between = bounds(args[2]!, args[3]!);
    const set = sortedSetOf(client, args[1]!);
    const { from, to } = set === undefined ? { from: 0, to: 0 } : between(set);
    client.reply.integer(Math.max(0, to - from));
  };
}

function ranks(reverse: boolean) {
  return (client: Client, args: string[]): void => {
    const set = sortedSetOf(client, args[1]!);
    const rank = set?.rank(args[2]!);
    if (rank === undefined) client.reply.null();
    else client.reply.integer(reverse ? set!.length - 1 - rank : rank);
  };
}

function removes(bounds: (min: string, max: string) => Bounds) {
  return (client: Client, args: string[]) => {
    const between = bounds(args[2]!, args[3]!);
    const set = sortedSetOf(client, args[1]!);
    if (set === undefined) return client.reply.integer(0);
    const { from, to } = between(set);
    const gone = [...set.range(from, Math.max(0, to - from))];
    for (const { member } of gone) set.delete(member);
    written(client, args[1]!, set, gone.length);
    client.reply.integer(gone.length);
  };
}

/** Members with their scores: in RESP3 two by two, in RESP2 one behind the other. */
export function replyScored({ reply }: Client, pairs: readonly Ranked[]): void {
  const nested = reply.protocol === 3;
  reply.array(nested ? pairs.length : pairs.length * 2);
  for (const { member, score } of pairs) {
    if (nested) reply.array(2);
    reply.bulk(member);
    reply.double(score);
  }
}

/** Takes up to `count` from the low or the high end. */
export function takeScored(
  client: Client,
  key: string,
  set: SortedSet,
  end: 'MIN' | 'MAX',
  count: number,
): Ranked[] {
  const reverse = end === 'MAX';
  const taken = [...set.range(reverse ? set.length - 1 : 0, Math.min(count, set.length), reverse)];
  for (const { member } of taken) set.delete(member);
  written(client, key, set, taken.length);
  return taken;
}

function zpop(end: 'MIN' | 'MAX') {
  return (client: Client, args: string[]) => {
    const { reply } = client;
    if (args.length > 3) throw new CommandError(`ERR wrong number of arguments for '${args[0]}' command`);
    const count = args.length === 3 ? toCount(args[2]!) : null;
    const set = sortedSetOf(client, args[1]!);
    if (set === undefined) return reply.array(0);
    const taken = takeScored(client, args[1]!, set, end, count ?? 1);
    if (count !== null) return replyScored(client, taken);
    reply.array(2);
    reply.bulk(taken[0]!.member);
    reply.double(taken[0]!.score);
  };
}

function zrandmember(client: Client, args: string[]) {
  const { reply } = client;
  if (args.length > 4 || (args.length === 4 && args[3]!.toUpperCase() !== 'WITHSCORES')) throw syntaxError;
  const count = args.length > 2 ? toInteger(args[2]!) : null;
  const scores = sortedSetOf(client, args[1]!)?.scores;
  if (count === null) return reply.bulkOrNull(scores?.random().key);
  const chosen = scores === undefined || count < 0 ? [] : scores.sample(count);
  if (scores !== undefined) for (let i = count; i < 0; i++) chosen.push(scores.random());
  if (args.length === 4) {
    return replyScored(
      client,
      chosen.map(({ key, score }) => ({ member: key, score })),
    );
  }
  reply.bulks(chosen.map(({ key }) => key));
}

function zscan(client: Client, args: string[]): void {
  const { reply } = client;
  const { cursor, count, match } = scanOptions(args, 2);
  const found: string[] = [];
  const next =
    sortedSetOf(client, args[1]!)?.scores.scan(cursor, count, ({ key, score }) => {
      if (match === null || globMatches(match, key)) found.push(key, formatDouble(score));
    }) ?? 0;
  reply.array(2);
  reply.bulk(String(next));
  reply.bulks(found);
}

export const sortedSetCommands: readonly Command[] = [
  writes('zadd', -4, zadd),
  writes('zincrby', 4, zincrby),
  writes('zrem', -3, zrem),
  reads('zscore', 3, (client, args) => replyScore(client, sortedSetOf(client, args[1]!)?.score(args[2]!))),
  reads('zmscore', -3, zmscore),
  reads('zcard', 2, (client, args) => client.reply.integer(sortedSetOf(client, args[1]!)?.length ?? 0)),
  reads('zcount', 4, counts(scoreBounds)),
  reads('zlexcount', 4, counts(textBounds)),
  reads('zrank', 3, ranks(false)),
  reads('zrevrank', 3, ranks(true)),
  writes(
    'zremrangebyrank',
    4,
    removes((start, stop) => indexBounds(start, stop, false)),
  ),
  writes('zremrangebyscore', 4, removes(scoreBounds)),
  writes('zremrangebylex', 4, removes(textBounds)),
  writes('zpopmin', -2, zpop('MIN')),
  writes('zpopmax', -2, zpop('MAX')),
  reads('zrandmember', -2, zrandmember),
  reads('zscan', -3, zscan),
];
