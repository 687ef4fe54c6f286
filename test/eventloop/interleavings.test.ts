import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ClosedError, OpError } from 'gopark/net';
import { Balance } from '#dist/eventloop/balance.js';
import { Connection } from '#dist/eventloop/connection.js';
import type { ConnectionCallback, Host } from '#dist/eventloop/host.js';
import { limitsOf } from '#dist/eventloop/limits.js';
import { tcpFamily } from '#dist/net/tcp-conn.js';
import { Poller } from '#dist/poll/index.js';
import { CheckedDriver } from '../lib/checked-driver.ts';
import { FakeDriver } from '../lib/fake-driver.ts';
import { turns } from '../lib/waiting.ts';
import { quietErrors } from './lib.ts';

/** What may happen between two steps of the driver. */
type Happening =
  | 'send'
  | 'step'
  | 'turn'
  | 'end'
  | 'reset'
  | 'close'
  | 'closeNow'
  | 'release'
  | 'pause'
  | 'resume'
  | 'flush';

const happenings: Happening[] = [
  'send',
  'send',
  'send',
  'step',
  'step',
  'step',
  'step',
  'turn',
  'release',
  'pause',
  'resume',
  'flush',
];
const endings: Happening[] = ['end', 'end', 'reset', 'close', 'closeNow'];

/**
 * N-15: bytes, the end, a reset or a close at every possible moment, with handlers that return at once, wait, read
 * all, a part or nothing, on a driver that delays and reorders whatever the contract allows.
 */
test('no lost wake-up, one handler at a time, the close once: random interleavings on the fake driver', async () => {
  const errors = quietErrors();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...happenings), { minLength: 5, maxLength: 80 }),
      fc.constantFrom(...endings),
      fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 }),
      fc.infiniteStream(fc.nat(1000)),
      fc.boolean(),
      async (script, ending, moods, chances, direct) => {
        const fake = new FakeDriver({ choose: (count) => chances.next().value % count, direct, poll: false });
        const driver = new CheckedDriver(fake);
        const poller = new Poller(driver);
        const [near, far] = fake.pair();
        driver.adopt(near);
        let running = 0;
        let calls = 0;
        let closed = 0;
        let disconnected = 0;
        let read = 0;
        let gates: (() => void)[] = [];
        const take = (conn: Connection, most: number) => {
          const count = Math.min(most, conn.len);
          const p = conn.reader.tryNext(count)!;
          for (const byte of p) assert.equal(byte, read++ & 0xff, 'every byte, once, in order');
          conn.writer.writeBinary(p);
          conn.writer.flush().catch(() => {});
        };
        const onRequest: ConnectionCallback = (conn) => {
          assert.equal(running, 0, 'one at a time');
          assert.equal(closed, 0, 'not after the close');
          const mood = moods[calls++ % moods.length]!;
          const most = mood % 3 === 0 ? conn.len : mood % 3 === 1 ? 1 + (mood << 2) : 0;
          if (mood < 5) {
            take(conn, most);
            return undefined;
          }
          running++;
          return (async () => {
            try {
              await new Promise<void>((resolve) => gates.push(resolve));
              if (mood === 9) {
                const p = await conn.reader.next(300).catch((error: unknown) => {
                  assert.ok(error instanceof OpError || error instanceof Error);
                  return null;
                });
                for (const byte of p ?? []) assert.equal(byte, read++ & 0xff);
              } else if (conn.isActive) {
                take(conn, most);
              }
            } finally {
              running--;
            }
          })();
        };
        const host: Host = {
          poller,
          balance: new Balance(driver),
          family: tcpFamily({ strict: false, closeTimeout: 1000 }, null),
          limits: limitsOf({ readHighWater: 8192 }),
          onRequest,
          onDisconnect: () => void disconnected++,
          stopping: false,
          watch: null,
          waits: false,
          connectWaits: false,
          left: () => {},
        };
        // Both are internal: the declarations do not have them.
        const Internal = Connection as unknown as new (
          host: Host,
          slot: number,
        ) => Connection & { open(c: null): void };
        const conn = new Internal(host, near);
        conn.addCloseCallback(() => {
          closed++;
          assert.equal(running, 0, 'the close callbacks wait for the handler');
        });
        conn.open(null);
        let sent = 0;
        const happen = async (what: Happening) => {
          switch (what) {
            case 'send': {
              const count = 1 + (chances.next().value % 3000);
              const p = Uint8Array.from({ length: count }, () => sent++ & 0xff);
              fake.stage(far, p, 0, count);
              break;
            }
            case 'end':
              fake.shutdown(far, 'write');
              break;
            case 'reset':
              fake.reset(near);
              break;
            case 'close':
              conn
                .close()
                .catch((error: unknown) =>
                  assert.ok(error instanceof OpError || error instanceof ClosedError),
                );
              break;
            case 'closeNow':
              conn.closeNow();
              break;
            case 'release':
              for (const open of gates.splice(0)) open();
              break;
            case 'pause':
              conn.pause();
              break;
            case 'resume':
              conn.resume();
              break;
            case 'flush':
              fake.flush();
              break;
            case 'turn':
              break;
            case 'step':
              fake.step();
              break;
          }
          for (let i = 0; i < 4; i++) await null;
        };
        for (const what of script) await happen(what);
        // What was sent before the end is in the kernel before it.
        while (ending === 'end' && fake.outboundLength(far) > 0 && fake.step()) await null;
        await happen(ending);
        conn.resume();
        const stuck = () => conn.reason !== null;
        for (let i = 0; i < 5000 && closed === 0; i++) {
          for (const open of gates.splice(0)) open();
          fake.step();
          await null;
          if (i % 50 === 49) await turns(1);
        }
        for (let i = 0; i < 200 && (fake.step() || gates.length > 0); i++) {
          for (const open of gates.splice(0)) open();
          await turns(i % 10 === 0 ? 1 : 0);
        }
        gates = [];
        assert.equal(closed, 1, 'closed, once');
        assert.equal(running, 0);
        assert.ok(disconnected <= 1);
        assert.ok(read <= sent);
        // A handler that read nothing when everything was there leaves something: but then it was asked.
        if (ending === 'end' && !stuck() && moods.every((mood) => mood % 3 === 0 && mood !== 9)) {
          assert.equal(read, sent, 'everything was handed over');
        }
        // The far end is nobody's of ours.
        assert.deepEqual(
          driver.violations.filter((text) => !text.includes(`slot ${far}`)),
          [],
        );
        assert.deepEqual(driver.unfinished, []);
        assert.equal(driver.holds, 0);
      },
    ),
    { numRuns: 500, includeErrorInReport: true },
  );
  errors.restore();
});
