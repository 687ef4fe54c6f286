import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Capability, SocketOption } from '#dist/poll/driver.js';
import { turns } from '../waiting.ts';
import { acceptedFromRaw, connectedToRaw, withRawPeers } from './raw.ts';
import type { Rows } from './subject.ts';

const { ENOTSUP } = constants.errno;

/** Options that come with a capability: without it they are refused with ENOTSUP, and do nothing. */
const OPTIONAL: readonly (readonly [Capability, SocketOption, number, number?])[] = [
  ['linger', 'linger', 1, 5],
  ['bufferSizes', 'readBuffer', 32_768],
  ['bufferSizes', 'writeBuffer', 32_768],
  ['keepAliveInterval', 'keepAliveInterval', 7],
  ['keepAliveInterval', 'keepAliveCount', 3],
];

export const options: Rows = (row) => {
  row('noDelay, keepAlive and its idle time are for every driver', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot) => {
      for (const value of [0, 1, 0, 1]) {
        assert.equal(rig.driver.setOption(slot, 'noDelay', value), 0);
        assert.equal(rig.driver.setOption(slot, 'keepAlive', value), 0);
      }
      assert.equal(rig.driver.setOption(slot, 'keepAliveIdle', 20), 0);
    });
  });

  row(
    'an option whose capability lacks is ENOTSUP, one whose capability is there is taken',
    ['sockets'],
    async (rig) => {
      await withRawPeers(rig, async (slot) => {
        for (const [capability, option, value, second] of OPTIONAL) {
          const result = rig.driver.setOption(slot, option, value, second);
          assert.equal(result, rig.has(capability) ? 0 : -ENOTSUP, option);
        }
      });
    },
  );

  row('getOption tells what was set, or ENOTSUP', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot) => {
      for (const [option, value] of [
        ['noDelay', 0],
        ['noDelay', 1],
        ['keepAlive', 1],
        ['keepAliveIdle', 20],
        ['keepAliveInterval', 7],
        ['keepAliveCount', 3],
      ] as [SocketOption, number][]) {
        if (rig.driver.setOption(slot, option, value) === -ENOTSUP) continue;
        const told = rig.driver.getOption(slot, option);
        assert.ok(told === value || told === -ENOTSUP, `${option}: ${told} instead of ${value}`);
      }
    });
  });

  row('buffer sizes: the kernel has at least what was asked for', ['sockets', 'bufferSizes'], async (rig) => {
    await withRawPeers(rig, async (slot) => {
      for (const option of ['readBuffer', 'writeBuffer'] as const) {
        assert.equal(rig.driver.setOption(slot, option, 50_000), 0);
        assert.ok(rig.driver.getOption(slot, option) >= 50_000);
      }
    });
  });

  row('linger 0, where it is taken: close resets', ['sockets'], async (rig) => {
    await withRawPeers(rig, async (slot, raw) => {
      const result = rig.driver.setOption(slot, 'linger', 1, 0);
      assert.ok(result === 0 || (result === -ENOTSUP && !rig.has('linger')), String(result));
      if (result !== 0) return;
      const failed = once(raw, 'error') as Promise<[NodeJS.ErrnoException]>;
      raw.resume();
      await rig.close(slot);
      assert.equal((await failed)[0].code, 'ECONNRESET');
    });
  });

  row('linger 0 while the peer resets, too: every close completes', ['sockets'], async (rig) => {
    for (let i = 0; i < 30; i++) {
      const [slot, raw] = await (i % 2 === 0 ? acceptedFromRaw(rig) : connectedToRaw(rig));
      rig.driver.setOption(slot, 'linger', 1, 0);
      rig.send(slot, new Uint8Array(3000));
      raw.write('unread');
      await turns(i % 4);
      // With bytes unread this resets.
      raw.destroy();
      await turns(i % 3);
      if (i % 5 === 0 && rig.driver.outboundLength(slot) === 0) rig.driver.shutdown(slot, 'write');
      assert.equal((await rig.close(slot)).result, 0);
    }
  });
};
