import type { Client } from '../client.ts';
import type { Ranked } from '../data/skip-list.ts';
import { SortedSet } from '../data/sorted-set.ts';
import { CommandError, notFloat, syntaxError, wrongType } from '../errors.ts';
import { argument, countedKeys, toDouble } from './arguments.ts';
import { type Command, command, noKeys } from './command.ts';
import { limitOption } from './sets.ts';
import { storeScored } from './sorted-set-ranges.ts';
import { replyScored } from './sorted-sets.ts';

type Scores = ReadonlyMap<string, number>;
type Operation = 'union' | 'inter' | 'diff';

/** The members of a sorted set, or of a set with a score of 1 each. */
function scoresOf({ db }: Client, key: string): Scores {
  const value = db.get(key);
  if (value === undefined) return new Map();
  if (typeof value === 'string') throw wrongType;
  if (value.kind === 'zset')
    return new Map(value.scores.all().map(({ key: member, score }) => [member, score]));
  if (value.kind === 'set') return new Map([...value.keys()].map((member) => [member, 1]));
  throw wrongType;
}

interface Options {
  weights: number[];
  aggregate: (a: number, b: number) => number;
  withScores: boolean;
}

/** Inf - inf is 0 here. */
const total = (a: number, b: number): number => (Number.isNaN(a + b) ? 0 : a + b);
const aggregates: Readonly<Record<string, Options['aggregate']>> = {
  SUM: total,
  MIN: Math.min,
  MAX: Math.max,
};
const badWeight = new CommandError('ERR weight value is not a float');

function options(
  args: string[],
  start: number,
  keys: number,
  can: { weigh: boolean; show: boolean },
): Options {
  const found: Options = { weights: new Array<number>(keys).fill(1), aggregate: total, withScores: false };
  for (let i = start; i < args.length; ) {
    const option = args[i]!.toUpperCase();
    if (option === 'WEIGHTS' && can.weigh && i + keys < args.length) {
      for (let k = 0; k < keys; k++) found.weights[k] = toDouble(args[i + 1 + k]!, badWeight);
      i += 1 + keys;
    } else if (option === 'AGGREGATE' && can.weigh) {
      const aggregate = aggregates[argument(args, i + 1).toUpperCase()];
      if (aggregate === undefined) throw syntaxError;
      found.aggregate = aggregate;
      i += 2;
    } else if (option === 'WITHSCORES' && can.show) {
      found.withScores = true;
      i++;
    } else {
      throw syntaxError;
    }
  }
  return found;
}

function weighed(score: number, weight: number): number {
  const value = score * weight;
  return Number.isNaN(value) ? 0 : value;
}

function combine(operation: Operation, sets: readonly Scores[], { weights, aggregate }: Options): Scores {
  const [first, ...others] = sets as [Scores, ...Scores[]];
  if (operation === 'diff') {
    return new Map([...first].filter(([member]) => !others.some((set) => set.has(member))));
  }
  const result = new Map<string, number>();
  for (const [i, set] of sets.entries()) {
    for (const [member, score] of set) {
      if (operation === 'inter' && !sets.every((other) => other.has(member))) continue;
      const value = weighed(score, weights[i]!);
      const old = result.get(member);
      result.set(member, old === undefined ? value : aggregate(old, value));
    }
  }
  return result;
}

function ranked(scores: Scores): Ranked[] {
  const set = new SortedSet();
  for (const [member, score] of scores) set.set(member, score);
  return [...set.range(0, set.length)];
}

function computing(operation: Operation, stores: boolean) {
  return (client: Client, args: string[]) => {
    const { keys, end } = countedKeys(args, stores ? 2 : 1, args[0]!);
    // Types are looked at before what follows the keys.
    const sets = keys.map((key) => scoresOf(client, key));
    const asked = options(args, end, keys.length, { weigh: operation !== 'diff', show: !stores });
    const found = combine(operation, sets, asked);
    if (stores) return storeScored(client, args[1]!, entries(found));
    const pairs = ranked(found);
    if (asked.withScores) replyScored(client, pairs);
    else client.reply.bulks(pairs.map(({ member }) => member));
  };
}

function* entries(scores: Scores): Generator<Ranked> {
  for (const [member, score] of scores) {
    if (Number.isNaN(score)) throw notFloat;
    yield { member, score };
  }
}

function zintercard(client: Client, args: string[]): void {
  const { keys, end } = countedKeys(args, 1, 'zintercard');
  const sets = keys.map((key) => scoresOf(client, key));
  const limit = limitOption(args, end);
  let found = 0;
  for (const member of sets[0]!.keys()) {
    if (!sets.every((set) => set.has(member))) continue;
    if (++found === limit) break;
  }
  client.reply.integer(found);
}

const target = { write: true, keys: [1, 1, 1] } as const;

export const sortedSetAlgebraCommands: readonly Command[] = [
  command('zunion', -3, computing('union', false), { keys: noKeys }),
  command('zinter', -3, computing('inter', false), { keys: noKeys }),
  command('zdiff', -3, computing('diff', false), { keys: noKeys }),
  command('zunionstore', -4, computing('union', true), target),
  command('zinterstore', -4, computing('inter', true), target),
  command('zdiffstore', -4, computing('diff', true), target),
  command('zintercard', -3, zintercard, { keys: noKeys }),
];
