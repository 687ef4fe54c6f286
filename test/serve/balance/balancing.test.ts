import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { MoveCount, Server } from 'gopark/serve';
import { openSockets, socketsBackAt } from '../../lib/descriptors.ts';
import { needs } from '../../lib/needs.ts';
import { Client, eventually, started } from '../lib.ts';

const handler = (name: string) => new URL(`../handlers/${name}.js`, import.meta.url);
const total = (moves: readonly MoveCount[]) => moves.reduce((sum, { count }) => sum + count, 0);

/** Connections in turn, and of which P each is at first. */
async function clients(server: Server, count: number): Promise<{ client: Client; index: number }[]> {
  const all: { client: Client; index: number }[] = [];
  for (let i = 0; i < count; i++) {
    const client = await Client.at(server.addr);
    all.push({ client, index: Number((await client.line())!.slice(2)) });
  }
  return all;
}

/** Asks again and again, until told to stop: on how many Ps the answers came from, in their order. */
class Asking {
  readonly seen: number[] = [];
  readonly done: Promise<void>;
  answers = 0;
  stop = false;

  constructor({ client, index }: { client: Client; index: number }) {
    this.seen.push(index);
    this.done = this.#ask(client);
  }

  async #ask(client: Client): Promise<void> {
    while (!this.stop) {
      const [index, count] = (await client.ask('again'))!.split(' ').map(Number);
      this.answers++;
      assert.equal(count, this.answers, 'its state goes along, and no request is lost or answered twice');
      if (index !== this.seen.at(-1)) this.seen.push(index!);
    }
  }
}

function word(t: TestContext): { data: SharedArrayBuffer; release: () => void } {
  const data = new SharedArrayBuffer(4);
  const release = () => {
    Atomics.store(new Int32Array(data), 0, 1);
    Atomics.notify(new Int32Array(data), 0);
  };
  t.after(release);
  return { data, release };
}

describe('balancing', { timeout: 110_000, ...needs('leases', 'reusePort') }, () => {
  test('connections that keep one P busy spread over both, between requests; each moves once', async (t) => {
    const before = openSockets();
    const server = await started(t, {
      handler: handler('burner'),
      loadBalance: 'round-robin',
      balance: { rest: 600_000 },
    });
    const all = await clients(server, 12);
    // Those of one P are at work, those of the other one sleep.
    const asking = all.filter(({ index }) => index === 0).map((one) => new Asking(one));
    assert.equal(asking.length, 6);
    await eventually(() => total(server.stats().moves) >= 2, 'the first moves');
    // And some time in which they could go back.
    const answers = () => asking.reduce((sum, one) => sum + one.answers, 0);
    const then = answers() + 250;
    await eventually(() => answers() > then, 'more answers');
    const { moves } = server.stats();
    for (const one of asking) one.stop = true;
    await Promise.all(asking.map(({ done }) => done));
    for (const { from, to, what, why } of moves) {
      assert.deepEqual([what, from !== to, ['busy', 'crowded'].includes(why)], ['connection', true, true]);
    }
    assert.ok(
      moves.some(({ from, to, why }) => from === 0 && to === 1 && why === 'busy'),
      JSON.stringify(moves),
    );
    const went = asking.filter(({ seen }) => seen.length > 1);
    assert.ok(went.length >= 2 && went.length < 6, `${went.length} of 6 went`);
    for (const { seen } of asking) assert.ok(seen.length <= 2, `no ping-pong: ${seen.join(', ')}`);
    for (const { client } of all) client.conn.closeNow();
    await server.shutdown();
    await socketsBackAt(before);
  });

  test('switched off, or without onLeave, they stay', async (t) => {
    for (const options of [
      { handler: handler('burner'), balance: false },
      { handler: handler('burner-stays'), balance: true },
    ]) {
      const server = await started(t, { ...options, loadBalance: 'round-robin' });
      const all = await clients(server, 8);
      const asking = all.filter(({ index }) => index === 0).map((one) => new Asking(one));
      await eventually(() => asking.reduce((sum, one) => sum + one.answers, 0) > 150, 'answers');
      for (const one of asking) one.stop = true;
      await Promise.all(asking.map(({ done }) => done));
      for (const { seen } of asking) assert.deepEqual(seen, [0]);
      assert.deepEqual(server.stats().moves, []);
      for (const { client } of all) client.conn.closeNow();
      await server.shutdown();
    }
  });

  test('handed to a P that hangs: another one takes over what it has not begun', async (t) => {
    const { data, release } = word(t);
    const server = await started(t, { handler: handler('hanging'), loadBalance: 'round-robin', data });
    const [first, second] = await clients(server, 2);
    assert.deepEqual([first!.index, second!.index], [0, 1]);
    await first!.client.conn.write(Buffer.from('hang\n'));
    await eventually(() => server.procs[0]!.utilization === 1, 'P 0 to be seen to hang');
    const others = await clients(server, 6);
    for (const { index } of others) assert.equal(index, 1);
    const [move, ...more] = server.stats().moves;
    assert.deepEqual(more, []);
    assert.deepEqual({ ...move, count: 0 }, { from: 0, to: 1, what: 'accepted', why: 'hung', count: 0 });
    assert.ok(move!.count >= 3, `${move!.count} moves`);
    release();
    assert.equal(await first!.client.line(), 'hang');
    // It finds that they are not its own any more, and lets them be.
    for (const { client } of [first!, second!, ...others]) assert.equal(await client.ask('still'), 'still');
    await eventually(
      () => server.procs.map(({ connections }) => connections).join() === '1,7',
      'both to say what they have',
    );
    for (const { client } of [first!, second!, ...others]) client.conn.closeNow();
  });

  test('handed to a P that dies before it took them: they are not lost, whether anything is balanced or not', async (t) => {
    const { data, release } = word(t);
    const crashes: number[] = [];
    const server = await started(t, {
      handler: handler('hanging'),
      loadBalance: 'round-robin',
      balance: false,
      data,
      onCrash: ({ index }) => void crashes.push(index),
    });
    const [first, second] = await clients(server, 2);
    await first!.client.conn.write(Buffer.from('hang and die\n'));
    await eventually(() => server.procs[0]!.utilization === 1, 'P 0 to hang');
    const waiting = [
      await Client.at(server.addr),
      await Client.at(server.addr),
      await Client.at(server.addr),
    ];
    await eventually(() => server.procs[0]!.connections === 3, 'two of them to be on their way to P 0');
    release();
    assert.deepEqual(await Promise.all(waiting.map((client) => client.line())), ['P 1', 'P 1', 'P 1']);
    assert.deepEqual(crashes, [0]);
    const [move, ...more] = server.stats().moves;
    assert.deepEqual([move, more], [{ from: 0, to: 1, what: 'accepted', why: 'ended', count: 2 }, []]);
    for (const { conn } of [first!.client, second!.client, ...waiting]) conn.closeNow();
  });

  test('goroutines: what a busy P accepts goes elsewhere before anybody has begun to serve it', async (t) => {
    const { data, release } = word(t);
    const server = await started(t, { handler: handler('hanging'), distribute: 'reuseport', data });
    const [busy] = await clients(server, 1);
    await busy!.client.conn.write(Buffer.from('work\n'));
    const found = () => server.stats().moves.find(({ what, why }) => what === 'accepted' && why === 'busy');
    const others: Client[] = [];
    while (found() === undefined) {
      assert.ok(others.length < 5000, 'nothing moves');
      others.push(...(await clients(server, 5)).map(({ client }) => client));
    }
    assert.equal(found()!.from, busy!.index);
    release();
    assert.equal(await busy!.client.line(), 'work');
    for (const client of others.slice(-10)) assert.equal(await client.ask('served'), 'served');
    for (const client of [busy!.client, ...others]) client.conn.closeNow();
  });
});

describe('who gets a connection', { timeout: 60_000, ...needs('leases') }, () => {
  test('round-robin, random and least-connections, of callbacks and goroutines', async (t) => {
    for (const name of ['loop', 'who']) {
      // Not balanced: on a busy machine a P that takes 150 ms for a connection would see another one have it.
      const turns = await started(t, {
        handler: handler(name),
        loadBalance: 'round-robin',
        balance: false,
        procs: 3,
      });
      assert.deepEqual(
        (await clients(turns, 7)).map(({ index }) => index),
        [0, 1, 2, 0, 1, 2, 0],
      );
      await turns.shutdown({ timeout: 0 });
      const fewest = await started(t, {
        handler: handler(name),
        loadBalance: 'least-connections',
        balance: false,
      });
      const all = await clients(fewest, 8);
      for (const { client, index } of all) if (index === 0) await client.conn.close();
      await eventually(() => fewest.procs[0]!.connections === 0, 'P 0 to be empty');
      for (const { index } of await clients(fewest, 3)) assert.equal(index, 0);
      await fewest.shutdown({ timeout: 0 });
      const chance = await started(t, { handler: handler(name), loadBalance: 'random' });
      const seen = new Set((await clients(chance, 40)).map(({ index }) => index));
      assert.deepEqual([...seen].sort(), [0, 1]);
      await chance.shutdown({ timeout: 0 });
    }
  });

  test('what cannot be is told', async (t) => {
    const options = { handler: handler('loop') };
    await assert.rejects(started(t, { ...options, loadBalance: 'best' as never }), RangeError);
    await assert.rejects(
      started(t, { ...options, loadBalance: 'random', distribute: 'reuseport' }),
      RangeError,
    );
    await assert.rejects(started(t, { ...options, balance: { gap: 2 } }), RangeError);
    await assert.rejects(started(t, { handler: handler('leave-no-function') }), /onLeave, but that is no/);
  });
});
