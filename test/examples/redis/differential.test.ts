import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { startExample } from './lib/example.ts';
import { commandsOf, families } from './lib/random-commands.ts';
import { encode, RawClient } from './lib/raw-client.ts';
import { lacksTool, startRedis } from './lib/real-redis.ts';
import { sameOrder } from './lib/same-order.ts';

const rounds = Number(process.env.GOPARK_REDIS_RUNS ?? 40);

for (const family of Object.keys(families)) {
  for (const protocol of ['2', '3']) {
    test(`${family}, RESP${protocol}: random commands are answered as redis-server answers them`, {
      skip: lacksTool('redis-server'),
    }, async (t) => {
      const real = await RawClient.connect(await startRedis(t));
      const { port } = await startExample(t);
      const ours = await RawClient.connect({ port });
      t.after(() => {
        real.close();
        ours.close();
      });
      for (const client of [real, ours]) await client.call('HELLO', protocol);
      await fc.assert(
        fc.asyncProperty(fc.array(commandsOf(family), { minLength: 1, maxLength: 60 }), async (commands) => {
          const all = [['DISCARD'], ['UNWATCH'], ['FLUSHALL'], ['SELECT', '0'], ...commands, ['DISCARD']];
          // All in one piece: a pipeline.
          const bytes = Buffer.concat(all.map(encode));
          real.send(bytes);
          ours.send(bytes);
          const replies: [expected: string | null, found: string | null][] = [];
          for (const command of all) {
            const expected = sameOrder(command, await real.reply());
            replies.push([expected, sameOrder(command, await ours.reply())]);
          }
          for (const [i, [expected, found]] of replies.entries()) {
            assert.equal(found, expected, `the answer to ${JSON.stringify(all[i])}`);
          }
        }),
        { numRuns: rounds },
      );
    });
  }
}
