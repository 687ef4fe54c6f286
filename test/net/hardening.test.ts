import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDescriptors } from '../lib/descriptors.ts';
import { driverUnderTest } from '../lib/drivers.ts';
import { Network } from '../lib/network.ts';
import { seeded } from '../lib/random.ts';
import { storm } from '../lib/storm.ts';
import { until } from '../lib/waiting.ts';

const { driver, assertEmpty } = driverUnderTest({
  slots: 256,
  inbound: 1 << 20,
  outbound: 1 << 20,
  maxRecv: 16 * 1024,
});
const network = new Network(driver);

describe('hardening', () => {
  test('2,000 connections are reset at random points, others transfer: nothing lost, corrupted or left', {
    timeout: 90_000,
  }, async (t) => {
    // What Node opens once and keeps.
    await storm(network, seeded(1), { cutOff: 10, atOnce: 2, transfers: 1, bytes: 1000 });
    await network.atRest();
    const before = openDescriptors().length;
    const random = seeded();
    try {
      const { transferred, resets } = await storm(network, random, {
        cutOff: 2000,
        atOnce: 40,
        transfers: 4,
        bytes: 2_000_000,
      });
      await network.atRest();
      await until(() => openDescriptors().length <= before, 'descriptors to be back');
      assert.equal(openDescriptors().length, before);
      await assertEmpty();
      // Some were closed by us, or timed out first.
      assert.ok(resets > 500, `${resets} connections noticed a reset`);
      t.diagnostic(`${resets} resets noticed, ${Math.round(transferred / 1e6)} MB transferred meanwhile`);
    } catch (error) {
      throw new Error(`with seed ${random.seed} (GOPARK_SEED repeats it)`, { cause: error });
    }
  });
});
