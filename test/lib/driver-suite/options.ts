import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:os';
import { type Capability, OP_CONNECT, type SocketOption } from '#dist/poll/driver.js';
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
  ['trafficClass', 'trafficClass4', 32],
  ['userTimeout', 'userTimeout', 5000],
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
        ['trafficClass4', 184],
        ['userTimeout', 3000],
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

  row('tcpInfo: the state and more; of no open slot an errno', ['sockets', 'tcpInfo'], async (rig) => {
    await withRawPeers(rig, async (slot) => {
      const bytes = new Uint8Array(256);
      const length = rig.driver.tcpInfo!(slot, bytes);
      assert.ok(length >= 104 && length <= 256, String(length));
      assert.equal(bytes[0], 1, 'established');
      assert.ok(rig.driver.tcpInfo!(slot, new Uint8Array(10)) <= 10);
    });
  });

  row('multipath: connects, with another one or without', ['sockets', 'multipath'], async (rig) => {
    for (const multipath of [true, false]) {
      const listener = await rig.listen('127.0.0.1', 0, { multipath });
      const slot = rig.opened(rig.driver.connect('127.0.0.1', rig.port(listener), null, { multipath: true }));
      assert.equal((await rig.next(OP_CONNECT, slot)).result, 0);
      const accepted = await rig.accept(listener);
      assert.equal(rig.driver.isMultipath!(slot), rig.driver.isMultipath!(accepted));
      if (!multipath) assert.equal(rig.driver.isMultipath!(slot), false);
      rig.send(slot, new Uint8Array(1000));
      assert.equal((await rig.receive(accepted, 1000)).length, 1000);
    }
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
