import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { startExample } from './lib/example.ts';
import { RawClient } from './lib/raw-client.ts';
import { lacksTool, startRedis } from './lib/real-redis.ts';

const rounds = Number(process.env.GOPARK_REDIS_RUNS ?? 40);
const beside = { skip: lacksTool('redis-server') };

type Step = readonly [client: 0 | 1, command: string[]];

interface Pairs {
  readonly real: readonly [RawClient, RawClient];
  readonly ours: readonly [RawClient, RawClient];
}

/** Two clients of redis-server and two of ours. */
async function connectPairs(t: TestContext, protocols: readonly [string, string]): Promise<Pairs> {
  const where = await startRedis(t);
  const { port } = await startExample(t);
  const pair = async (server: { path: string } | { port: number }) => {
    const clients = await Promise.all([RawClient.connect(server), RawClient.connect(server)]);
    t.after(() => {
      for (const client of clients) client.close();
    });
    for (const [i, client] of clients.entries()) await client.call('HELLO', protocols[i]!);
    return clients as unknown as readonly [RawClient, RawClient];
  };
  return { real: await pair(where), ours: await pair({ port }) };
}

function step(...commands: fc.Arbitrary<string[]>[]): fc.Arbitrary<Step> {
  return fc.tuple(fc.constantFrom(0 as const, 1 as const), fc.oneof(...commands));
}

const key = fc.constantFrom('a', 'b', 'c');
const words = (...all: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string[]> =>
  fc.tuple(...all.map((word) => (typeof word === 'string' ? fc.constant(word) : word)));

const transactions = step(
  ...['MULTI', 'EXEC', 'DISCARD', 'UNWATCH', 'FLUSHALL', 'NOSUCH'].map((name) => words(name)),
  words('WATCH', key),
  words('WATCH', key, key),
  words('SET', key, 'x'),
  words('GET', key),
  words('DEL', key),
  words('INCR', key),
  words('RPUSH', key, 'x'),
  words('EXPIRE', key, fc.constantFrom('-1', '1000')),
  words('RENAME', key, key),
  words('SELECT', fc.constantFrom('0', '1')),
  words('SWAPDB', '0', '1'),
  words('GET'),
);

for (const protocols of [
  ['2', '2'],
  ['3', '2'],
] as const) {
  test(
    `transactions of two clients (RESP${protocols.join(' and ')}), as redis-server does them`,
    beside,
    async (t) => {
      const { real, ours } = await connectPairs(t, protocols);
      await fc.assert(
        fc.asyncProperty(fc.array(transactions, { minLength: 1, maxLength: 50 }), async (steps) => {
          const clean = ['DISCARD', 'UNWATCH', 'FLUSHALL'].flatMap((name): Step[] => [
            [0, [name]],
            [1, [name]],
          ]);
          const home: Step[] = [
            [0, ['SELECT', '0']],
            [1, ['SELECT', '0']],
          ];
          for (const [i, command] of [...clean, ...home, ...steps]) {
            const [expected, found] = await Promise.all([real[i].call(...command), ours[i].call(...command)]);
            assert.equal(found, expected, `the answer to ${JSON.stringify(command)} of client ${i}`);
          }
        }),
        { numRuns: rounds },
      );
    },
  );
}

const channel = fc.constantFrom('news', 'weather', 'n');
const pattern = fc.constantFrom('n*', '*', '?', 'w[ea]*');
const channels = step(
  words('SUBSCRIBE', channel),
  words('SUBSCRIBE', channel, channel),
  words('UNSUBSCRIBE', channel),
  words('PSUBSCRIBE', pattern),
  words('PUNSUBSCRIBE', pattern),
  words('PUNSUBSCRIBE'),
  words('PUBLISH', channel, 'hello'),
  words('PUBLISH', channel, 'hello'),
  words('PUBSUB', 'NUMSUB', channel, channel),
  words('PUBSUB', 'NUMPAT'),
  words('GET', 'a'),
  words('PING'),
  words('RESET'),
);

/** Everything up to the answer to a PING of its own; which pattern comes first means nothing. */
async function untilMarker(client: RawClient, marker: string): Promise<string> {
  const all: string[] = [];
  client.send(`PING ${marker}\r\n`);
  for (;;) {
    const reply = await client.reply();
    if (reply === null || reply.includes(marker)) return all.sort().join('');
    all.push(reply);
  }
}

for (const protocols of [
  ['2', '2'],
  ['3', '2'],
  ['3', '3'],
] as const) {
  test(
    `channels of two clients (RESP${protocols.join(' and ')}), as redis-server has them`,
    beside,
    async (t) => {
      const { real, ours } = await connectPairs(t, protocols);
      let markers = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(channels, { minLength: 1, maxLength: 40 }), async (steps) => {
          const clean: Step[] = [0, 1].flatMap((i) => [
            [i as 0 | 1, ['RESET']],
            [i as 0 | 1, ['HELLO', protocols[i]!]],
          ]);
          for (const [n, [i, command]] of [...clean, ...steps].entries()) {
            const marker = `marker${++markers}`;
            for (const pair of [real, ours]) pair[i].send(`${command.join(' ')}\r\n`);
            // Who was sent a message by this has it now: whoever asked has its answer first.
            for (const who of [i, 1 - i] as const) {
              const expected = await untilMarker(real[who as 0 | 1], marker);
              const found = await untilMarker(ours[who as 0 | 1], marker);
              // HELLO tells versions and numbers.
              if (n >= clean.length)
                assert.equal(found, expected, `what client ${who} got by ${JSON.stringify(command)} of ${i}`);
            }
          }
        }),
        { numRuns: rounds },
      );
    },
  );
}
