import fc from 'fast-check';

type Word = fc.Arbitrary<string | string[]>;

const key = fc.constantFrom('a', 'b', 'c', 'd');
const field = fc.constantFrom('f', 'g', 'h', '', '\xff\x00', '10', '-3');
const value = fc.oneof(
  fc.constantFrom(
    'x',
    'yy',
    '',
    '0',
    '1',
    '5',
    '-7',
    '3.5',
    '\r\n',
    '\x80\xff',
    '9223372036854775807',
    'z'.repeat(70),
  ),
  fc.string({ maxLength: 5 }),
);
const index = fc.integer({ min: -6, max: 6 }).map(String);
const count = fc.integer({ min: -1, max: 5 }).map(String);
/** Sums of quarters are exact in every format. */
const score = fc.oneof(
  fc.integer({ min: -8, max: 8 }).map((n) => String(n / 4)),
  fc.constantFrom('inf', '-inf', '1000000', 'x', ''),
);
const bound = fc.oneof(
  score,
  score.map((text) => `(${text}`),
);
const textBound = fc.constantFrom('-', '+', '[f', '(f', '[g', '(h', '[', 'x', '(');
const number = fc.oneof(
  index,
  fc.constantFrom('9223372036854775807', '-9223372036854775808', '1.5', 'x', '', '007'),
);
const end = fc.constantFrom('LEFT', 'right', 'MIDDLE');
/** So long that no answer changes while the test runs, or over. */
const seconds = fc.constantFrom('100000', '-1', '0', 'x', '99999999999999999');

function maybe(...words: Word[]): Word {
  const some = fc.tuple(...words).map((parts) => parts.flat());
  return fc.oneof(some, fc.constant([] as string[]));
}

function many(...words: Word[]): Word {
  return fc
    .array(fc.tuple(...words), { minLength: 1, maxLength: 4 })
    .map((groups) => groups.flat(2) as string[]);
}

function some(...words: string[]): Word {
  return fc.subarray(words);
}

function counted(word: Word): Word {
  return fc.oneof(
    fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => [String(keys.length), ...keys]),
    fc.tuple(number, word).map((parts) => parts.flat()),
  );
}

/** `name` and its words. */
function of(names: string, ...words: Word[]): fc.Arbitrary<string[]> {
  return fc.tuple(fc.constantFrom(...names.split(' ')), ...words).map((parts) => parts.flat());
}

const strings = [
  of('GET STRLEN GETDEL INCR DECR', key),
  of('SET GETSET SETNX APPEND', key, value),
  of('SET', key, value, some('NX', 'XX', 'GET', 'KEEPTTL', 'foo')),
  of('SET', key, value, some('NX', 'GET'), fc.constantFrom('EX', 'px', 'EXAT'), seconds),
  of('SETEX PSETEX', key, seconds, value),
  of('GETEX', key, maybe(fc.constantFrom('EX', 'PX', 'PERSIST', 'x'), maybe(seconds))),
  of('INCRBY DECRBY', key, number),
  of('INCRBYFLOAT', key, score),
  of('MGET', many(key)),
  of('MSET MSETNX', many(key, value)),
  of('MSET', many(key)),
  of('GETRANGE SUBSTR', key, number, number),
  of('SETRANGE', key, index, value),
  of('SETBIT', key, fc.integer({ min: -1, max: 40 }).map(String), fc.constantFrom('0', '1', '2')),
  of('GETBIT', key, fc.integer({ min: -1, max: 40 }).map(String)),
  of('BITCOUNT', key, maybe(number, maybe(index, maybe(fc.constantFrom('BIT', 'BYTE', 'x'))))),
];

const lists = [
  of('LPUSH RPUSH LPUSHX RPUSHX', key, many(value)),
  of('LPOP RPOP', key, maybe(count)),
  of('LLEN', key),
  of('LRANGE LTRIM', key, number, number),
  of('LINDEX', key, number),
  of('LSET', key, index, value),
  of('LINSERT', key, fc.constantFrom('BEFORE', 'AFTER', 'X'), value, value),
  of('LREM', key, index, value),
  of('LPOS', key, value, maybe(fc.constantFrom('RANK', 'COUNT', 'MAXLEN', 'X'), index)),
  of('LPOS', key, value, fc.constant('RANK'), index, fc.constant('COUNT'), count),
  of('LMOVE', key, key, end, end),
  of('RPOPLPUSH', key, key),
  of('LMPOP', counted(key), end, maybe(fc.constant('COUNT'), count)),
];

const hashes = [
  of('HSET HMSET', key, many(field, value)),
  of('HSET', key, many(field)),
  of('HSETNX', key, field, value),
  of('HGET HEXISTS HSTRLEN', key, field),
  of('HMGET HDEL', key, many(field)),
  of('HGETALL HKEYS HVALS HLEN', key),
  of('HINCRBY', key, field, number),
  of('HINCRBYFLOAT', key, field, score),
  of('HRANDFIELD', fc.constant('none'), maybe(count, maybe(fc.constantFrom('WITHVALUES', 'x')))),
];

const sets = [
  of('SADD SREM SMISMEMBER', key, many(field)),
  of('SISMEMBER', key, field),
  of('SMEMBERS SCARD', key),
  of('SMOVE', key, key, field),
  of('SINTER SUNION SDIFF', many(key)),
  of('SINTERSTORE SUNIONSTORE SDIFFSTORE', key, many(key)),
  of('SINTERCARD', counted(key), maybe(fc.constantFrom('LIMIT', 'x'), count)),
  of('SPOP', fc.constant('none'), maybe(count)),
];

const zadd = of('ZADD', key, some('NX', 'XX', 'GT', 'LT', 'CH', 'INCR'), many(score, field));
const sortedSets = [
  of('ZADD', key, many(score, field)),
  zadd,
  of('ZINCRBY', key, score, field),
  of('ZREM ZMSCORE', key, many(field)),
  of('ZSCORE ZRANK ZREVRANK', key, field),
  of('ZCARD', key),
  of('ZCOUNT ZREMRANGEBYSCORE', key, bound, bound),
  of('ZREMRANGEBYRANK', key, number, number),
  of('ZPOPMIN ZPOPMAX', key, maybe(count)),
  of('ZMPOP', counted(key), fc.constantFrom('MIN', 'MAX', 'x'), maybe(fc.constant('COUNT'), count)),
  of('ZRANGE ZREVRANGE', key, number, number, maybe(fc.constantFrom('WITHSCORES', 'x'))),
  of(
    'ZRANGE',
    key,
    bound,
    bound,
    some('BYSCORE', 'REV', 'WITHSCORES'),
    maybe(fc.constant('LIMIT'), index, index),
  ),
  of(
    'ZRANGEBYSCORE ZREVRANGEBYSCORE',
    key,
    bound,
    bound,
    maybe(fc.constant('WITHSCORES')),
    maybe(fc.constant('LIMIT'), index, index),
  ),
  of(
    'ZRANGESTORE',
    key,
    key,
    bound,
    bound,
    some('BYSCORE', 'REV'),
    maybe(fc.constant('LIMIT'), index, index),
  ),
];

/** A set with members in the order of their bytes. */
const sameScores = [
  of('ZADD', key, many(fc.constant('0'), field)),
  of('ZREM', key, many(field)),
  of('ZRANGEBYLEX ZREVRANGEBYLEX', key, textBound, textBound, maybe(fc.constant('LIMIT'), index, index)),
  of('ZLEXCOUNT ZREMRANGEBYLEX', key, textBound, textBound),
  of('ZRANGE', key, textBound, textBound, fc.constant('BYLEX'), maybe(fc.constant('REV'))),
];

const algebra = [
  of('ZADD', key, many(score, field)),
  of('SADD', key, many(field)),
  of('ZUNION ZINTER ZDIFF', counted(key), maybe(fc.constantFrom('WITHSCORES', 'x'))),
  of('ZUNIONSTORE ZINTERSTORE ZDIFFSTORE', key, counted(key)),
  of('ZUNION ZINTER', fc.constant(['2', 'a', 'b', 'WEIGHTS']), score, score, fc.constant('WITHSCORES')),
  of('ZUNION ZINTER', fc.constant(['2', 'a', 'b', 'AGGREGATE']), fc.constantFrom('MIN', 'max', 'SUM', 'x')),
  of('ZINTERCARD', counted(key), maybe(fc.constant('LIMIT'), count)),
  of('ZRANGE', key, fc.constant(['0', '-1', 'WITHSCORES'])),
];

const keys = [
  of('SET', key, value),
  of('RPUSH SADD', key, many(value)),
  of('HSET', key, field, value),
  of('DEL UNLINK EXISTS TOUCH', many(key)),
  of('ZADD', key, score, field),
  of('TYPE TTL PERSIST', key),
  of('RENAME RENAMENX', key, key),
  of('COPY', key, key, some('REPLACE'), maybe(fc.constantFrom('DB', 'x'), index)),
  of('MOVE', key, index),
  of('SELECT', fc.constantFrom('0', '1', '15', '16', '-1', 'x')),
  of('SWAPDB', fc.constantFrom('0', '1', '16', 'x'), fc.constantFrom('0', '1', 'x')),
  of('KEYS', fc.constantFrom('*', 'a', '[ab]', '?', '[^a]', '', '\\a')),
  of('DBSIZE'),
  of('FLUSHDB', maybe(fc.constantFrom('ASYNC', 'x'))),
  of('EXPIRE PEXPIRE', key, seconds, some('NX', 'XX', 'GT', 'LT', 'x')),
  of('EXPIREAT', key, fc.constantFrom('1', '4000000000', '5000000000'), some('GT', 'LT')),
  of('EXPIRETIME PEXPIRETIME', fc.constantFrom('none')),
  of('OBJECT', fc.constantFrom('ENCODING', 'x'), key),
  of('RANDOMKEY', key),
];

const rest = [
  of('PING ECHO', maybe(value)),
  of('FOO', maybe(value)),
  of('GET', maybe(key), maybe(key)),
  of('CLIENT', fc.constantFrom('SETNAME', 'GETNAME', 'foo'), maybe(fc.constantFrom('me', 'not me', ''))),
  of('HELLO', fc.constantFrom('4', 'x')),
  of('AUTH', value, maybe(value)),
  of('PUBLISH', key, value),
  of('PUBSUB', fc.constantFrom('CHANNELS', 'NUMPAT', 'NUMSUB', 'x'), maybe(key)),
  of('CONFIG', fc.constant('GET'), fc.constantFrom('nothing')),
];

const transactions = [
  of('MULTI EXEC DISCARD UNWATCH'),
  of('WATCH', many(key)),
  ...strings.slice(0, 3),
  ...rest.slice(0, 3),
  of('INCR', key),
  of('RPUSH', key, value),
];

/** Commands by what they are about; each mixed with a few of the others, so that types clash. */
export const families: Readonly<Record<string, readonly fc.Arbitrary<string[]>[]>> = {
  strings,
  lists,
  hashes,
  sets,
  'sorted sets': sortedSets,
  'sorted sets by bytes': sameScores,
  'sorted set algebra': algebra,
  keys,
  transactions,
  'other commands': rest,
};

export function commandsOf(family: string): fc.Arbitrary<string[]> {
  const own = fc.oneof(...families[family]!);
  const other = fc.oneof(...keys.slice(0, 4));
  return fc.oneof({ arbitrary: own, weight: 12 }, { arbitrary: other, weight: 1 });
}
