import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { runChild } from '../child.ts';
import { collect } from '../raw-peer.ts';
import type { Rows, Subject } from './subject.ts';

/** Milliseconds of processor time that a second of sleep may cost: a loop that spins takes several hundred. */
const MOST_BUSY = 120;

/** A process of its own with `driver` and a rig over it. `body` is module source. */
function child(subject: Subject, body: string, onLine?: (line: string) => void) {
  const code = `${subject.source}
    import { Rig } from './build/test/lib/driver-suite/rig.js';
    import { acceptedFromRaw, fill } from './build/test/lib/driver-suite/raw.js';
    import { setTimeout as later } from 'node:timers/promises';
    const rig = new Rig({ name: 'child', harness: new Set(['sockets']), make: () => driver });
    /** The processor time of a second in which nothing happens. */
    async function idle(ms = 1000) {
      // What was begun before comes to rest.
      await later(150);
      const before = process.cpuUsage();
      await later(ms);
      const { user, system } = process.cpuUsage(before);
      return Math.round((user + system) / 1000);
    }
    ${body}`;
  return runChild(code, onLine === undefined ? {} : { onLine });
}

/** A server of Node's that hands its first connection over, paused. */
async function rawServer(): Promise<[Server, number, Promise<Socket>]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = once(server, 'connection').then(([raw]) => {
    (raw as Socket).on('error', () => {});
    return raw as Socket;
  });
  return [server, (server.address() as AddressInfo).port, connection];
}

const SLEEPERS = {
  'many connections with a receive parked, a listener with an accept': `
    const pairs = [];
    for (let i = 0; i < 80; i++) pairs.push(await rig.pair());
    const listener = await rig.listen();
    driver.hold();
    rig.driver.accept(listener);
    for (const [a, b] of pairs) { rig.driver.recv(a, 100); rig.driver.readable(b); }`,
  'bytes that nobody receives, ends that nobody asks for, connections that nobody accepts': `
    const listener = await rig.listen();
    driver.hold();
    for (let i = 0; i < 10; i++) await rig.connect(rig.port(listener));
    for (let i = 0; i < 10; i++) {
      const [a, b] = await rig.pair();
      rig.send(a, new Uint8Array(1000));
      await rig.drain(a);
      if (i % 2) await rig.shutdown(a, 'write');
      // The end has been seen and the other direction is open: no news, again and again.
      const [c, d] = await rig.pair();
      await rig.shutdown(c, 'write');
      if ((await rig.recv(d)).result !== 0) throw new Error('not the end');
      rig.driver.recv(c, 100);
    }`,
  'chains that wait for peers who do not read, half closed ones among them': `
    driver.hold();
    for (let i = 0; i < 4; i++) {
      const [a, b] = await rig.pair();
      await fill(rig, a);
      if (i % 2) await rig.shutdown(b, 'write');
      if (i > 1) rig.driver.drain(a, 0);
    }`,
  'peers that have reset, and nobody has noticed': `
    driver.hold();
    for (let i = 0; i < 6; i++) {
      const [slot, raw] = await acceptedFromRaw(rig);
      if (i % 2) rig.driver.recv(slot, 100);
      raw.resetAndDestroy();
    }`,
};

export const processes: Rows = (row, subject) => {
  for (const [title, body] of Object.entries(SLEEPERS)) {
    row(`asleep at no cost: ${title}`, ['process'], async () => {
      const { stdout, stderr, code } = await child(
        subject,
        `${body}
        console.log(await idle());
        process.exit(0);`,
      );
      assert.equal(code, 0, stderr);
      assert.ok(Number(stdout) < MOST_BUSY, `${stdout.trim()} ms of processor time in a second of sleep`);
    });
  }

  row('operations in flight keep nothing alive: the process ends', ['process'], async () => {
    const { stdout, stderr, code } = await child(
      subject,
      `driver.hold();
      const listener = await rig.listen();
      const [a, b] = await rig.pair();
      rig.driver.accept(listener);
      rig.driver.recv(a, 100);
      rig.driver.readable(b);
      driver.release();
      console.log('over');`,
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'over\n');
  });

  row('hold keeps the process alive until it is released as often', ['process'], async () => {
    const { stdout, stderr, code } = await child(
      subject,
      `driver.hold();
      const [a, b] = await rig.pair();
      driver.hold();
      rig.driver.recv(a, 100);
      setTimeout(() => { console.log('held'); driver.release(); }, 100).unref();
      setTimeout(() => { console.log('still'); driver.release(); }, 200).unref();
      setTimeout(() => console.log('too late'), 3000).unref();`,
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'held\nstill\n');
  });

  row('held again after nothing was held: the completion still comes', ['process'], async () => {
    const { stdout, stderr, code } = await child(
      subject,
      `driver.hold();
      const [a, b] = await rig.pair();
      for (let i = 0; i < 5; i++) {
        driver.release();
        await later(20);
        driver.hold();
        const received = rig.receive(b, 10);
        await later(5);
        rig.send(a, new Uint8Array(10));
        console.log((await received).length);
      }
      driver.release();`,
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '10\n'.repeat(5));
  });

  for (const [title, ending, expected] of [
    ['process.exit in the same turn', 'process.exit(0);', 'last words'],
    [
      'an exit handler stages, too',
      "process.on('exit', () => say(' indeed')); process.exit(0);",
      'last words indeed',
    ],
    ['the end of the program', 'driver.release();', 'last words'],
    ['an uncaught exception', "setImmediate(() => { throw new Error('on purpose'); });", 'last words'],
  ] as const) {
    row(`staged, then ${title}: it arrives`, ['process'], async () => {
      const [server, port, connection] = await rawServer();
      const ended = child(
        subject,
        `driver.hold();
        const slot = await rig.connect(${port});
        const say = (text) => rig.send(slot, new TextEncoder().encode(text));
        say('last words');
        ${ending}`,
      );
      const received = collect(await connection);
      const { stderr } = await ended;
      assert.equal(Buffer.from(await received).toString(), expected, stderr);
      server.close();
    });
  }

  row('what the kernel did not take keeps the process alive until it has gone', ['process'], async () => {
    const [server, port, connection] = await rawServer();
    let staged = 0;
    let told: () => void;
    const full = new Promise<void>((resolve) => {
      told = resolve;
    });
    const ended = child(
      subject,
      `driver.hold();
      const slot = await rig.connect(${port});
      console.log(await fill(rig, slot));
      driver.release();`,
      (line) => {
        staged = Number(line);
        told();
      },
    );
    const raw = await connection;
    await full;
    // Nothing but the chain is left to it by now.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const received = await collect(raw);
    const { code, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.equal(received.length, staged);
    server.close();
  });
};
