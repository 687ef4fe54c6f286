import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { go, gosched, sleep, stack } from 'gopark';
import { Scanner } from 'gopark/bufio';
import { dial, listen, type TCPConn } from 'gopark/net';
import { runChild } from '../lib/child.ts';
import { turns } from '../lib/waiting.ts';
import { Parking } from './parking.ts';

function paragraphsOf(text: string): string[] {
  return text.trimEnd().split('\n\n');
}

/** The one paragraph that contains `what`. */
function paragraphWith(what: string | RegExp): string {
  const text = stack();
  const found = paragraphsOf(text).filter((one) =>
    typeof what === 'string' ? one.includes(what) : what.test(one),
  );
  assert.equal(found.length, 1, `one paragraph with ${what} in:\n${text}`);
  return found[0]!;
}

describe('stack', () => {
  test('a wait many awaits away from its start is exactly its goroutine', async () => {
    const parking = new Parking('the till');
    async function inner(): Promise<void> {
      await gosched();
      await parking.enter();
    }
    async function outer(): Promise<void> {
      await gosched();
      await inner();
    }
    const others = Array.from({ length: 3 }, () => go(async () => await sleep(60_000, { signal })));
    const controller = new AbortController();
    const { signal } = controller;
    const goroutine = go(outer);
    await turns(10);
    const lines = paragraphWith('the till').split('\n');
    assert.match(
      lines[0]!,
      new RegExp(
        `^goroutine ${goroutine.id} outer \\[sync\\.Mutex\\.Lock, .*s\\]: the till, created at .*dump\\.test\\.ts:\\d+:\\d+$`,
      ),
    );
    assert.match(lines[1]!, /^\tat inner \(.*dump\.test\.ts:\d+:\d+\)$/);
    assert.match(lines[2]!, /^\tat outer \(.*dump\.test\.ts:\d+:\d+\)$/);
    assert.equal(lines.length, 3);
    // Looking changes nothing: it is still parked, and goes on when it is woken.
    await turns(3);
    paragraphWith('the till');
    parking.leave();
    await goroutine.done;
    controller.abort();
    await Promise.allSettled(others.map((one) => one.done));
    assert.ok(!stack().includes('the till'));
  });

  test('looking never settles anything, and later looks are as good', async () => {
    const parking = new Parking('looked at');
    let settled = false;
    const goroutine = go(async () => {
      await parking.enter();
      settled = true;
    });
    await turns(1);
    for (let i = 0; i < 5; i++) {
      assert.ok(paragraphWith('looked at').startsWith(`goroutine ${goroutine.id} [`));
      await turns(2);
    }
    assert.equal(settled, false);
    parking.leave();
    await goroutine.done;
    assert.ok(settled);
  });

  test('a goroutine in two waits shows twice; one that awaits another says so', async () => {
    const a = new Parking('first of two');
    const b = new Parking('second of two');
    const pair = go(async function pair() {
      await gosched();
      await Promise.all([a.enter(), b.enter()]);
    });
    const { done } = pair;
    const follower = go(async function follower() {
      await done;
    });
    await turns(5);
    assert.ok(paragraphWith('first of two').startsWith(`goroutine ${pair.id} pair [`));
    assert.ok(paragraphWith('second of two').startsWith(`goroutine ${pair.id} pair [`));
    const text = paragraphWith(/goroutine done/);
    assert.ok(
      text.startsWith(`goroutine ${follower.id} follower [goroutine done]: goroutine ${pair.id}, created`),
    );
    a.leave();
    b.leave();
    await follower.done;
  });

  test('a wait of nobody that is known is a question mark, with its functions', async () => {
    const parking = new Parking('of no goroutine');
    async function stray(): Promise<void> {
      await parking.enter();
    }
    const straying = stray();
    await turns(1);
    const text = paragraphWith('of no goroutine');
    assert.match(text, /^goroutine \? \[sync\.Mutex\.Lock, .*\]: of no goroutine\n\tat stray \(/);
    parking.leave();
    await straying;
  });

  test('behind a callback only what is certain is said: who ran when the wait began', async () => {
    const early = new Parking('before the first await');
    const late = new Parking('after an await');
    const goroutine = go(async () => {
      await new Promise<void>((resolve) => {
        early.enter().then(() => setImmediate(resolve));
      });
      await new Promise<void>((resolve) => {
        late.enter().then(() => setImmediate(resolve));
      });
    });
    await turns(1);
    assert.ok(paragraphWith('before the first await').startsWith(`goroutine ${goroutine.id} [`));
    early.leave();
    await turns(3);
    assert.ok(paragraphWith('after an await').startsWith('goroutine ? ['));
    assert.ok(paragraphWith(`goroutine ${goroutine.id} `).includes('not in gopark'));
    late.leave();
    await goroutine.done;
  });

  test('running, runnable, elsewhere', async () => {
    let open!: () => void;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let text = '';
    const first = go(async function first() {
      await gosched();
      text = stack();
      await gate;
    });
    const elsewhere = go(async function elsewhere() {
      await gate;
    });
    await turns(5);
    const paragraphs = paragraphsOf(text);
    assert.match(paragraphs[0]!, new RegExp(`^goroutine ${first.id} first \\[running\\]: created at`));
    assert.match(paragraphs[0]!, /\n\tat first \(.*dump\.test/);
    assert.ok(text.includes(`goroutine ${elsewhere.id} elsewhere [not in gopark: `));
    const fresh = go(async function fresh() {});
    assert.ok(stack().includes(`goroutine ${fresh.id} fresh [runnable]`));
    open();
    await Promise.all([first.done, elsewhere.done, fresh.done]);
  });

  test('labels and descriptions cannot forge lines', async () => {
    const parking = new Parking('evil\n\ngoroutine 666 [running]');
    const goroutine = go(async () => {
      await parking.enter();
    });
    goroutine.label = 'x\x1b[31m\ny';
    await turns(1);
    const text = stack();
    assert.ok(!text.includes('\x1b'));
    assert.ok(!/^goroutine 666/m.test(text));
    assert.ok(text.includes('evil\\n\\ngoroutine 666'));
    parking.leave();
    await goroutine.done;
  });

  test('many alike are one paragraph with oldest, youngest and an example', async () => {
    const parkings: Parking[] = [];
    async function crowd(i: number): Promise<void> {
      await gosched();
      const parking = new Parking(`number ${i}`);
      parkings.push(parking);
      await parking.enter();
    }
    const goroutines = Array.from({ length: 1200 }, (_, i) => go(crowd, i));
    await turns(5);
    assert.match(
      paragraphWith('1,200 goroutines'),
      /^1,200 goroutines crowd \[sync\.Mutex\.Lock\]: created at .*, oldest .*s, youngest .*s, for example goroutine \d+ \(number \d+\)\n\tat crowd/,
    );
    for (const parking of parkings) parking.leave();
    await Promise.all(goroutines.map((goroutine) => goroutine.done));
  });

  test("someone else's prepareStackTrace and stack trace limit stay as they are", () => {
    const { prepareStackTrace, stackTraceLimit } = Error;
    const own = () => 'own';
    Error.prepareStackTrace = own;
    Error.stackTraceLimit = 7;
    try {
      stack();
      assert.equal(Error.prepareStackTrace, own);
      assert.equal(Error.stackTraceLimit, 7);
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
      Error.stackTraceLimit = stackTraceLimit;
    }
  });
});

describe('stack: the network', () => {
  test('reads, accepts and scans with addresses, age and goroutine', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const sessions: TCPConn[] = [];
    async function session(conn: TCPConn): Promise<void> {
      sessions.push(conn);
      const scanner = new Scanner(conn);
      while (await scanner.scan()) await conn.write(scanner.bytes());
    }
    const server = go(async function server() {
      await listener.serve(session);
    });
    const conn = await dial('tcp', String(listener.addr));
    const reader = go(async function reader() {
      await gosched();
      await conn.read(new Uint8Array(1));
    });
    await turns(10);
    assert.ok(
      paragraphWith(`]: read tcp ${conn.localAddr}->${listener.addr}, created at`).startsWith(
        `goroutine ${reader.id} reader [IO wait, `,
      ),
    );
    assert.ok(
      paragraphWith(`]: accept tcp ${listener.addr}`).startsWith(`goroutine ${server.id} server [IO wait, `),
    );
    const served = paragraphWith(`${listener.addr}->${conn.localAddr}`);
    assert.match(
      served,
      /^goroutine \d+ session \[IO wait, .*\]: \w+ tcp .*, created at .*\n\tat session \(/,
    );
    // Behind the first reader of a connection others queue.
    const second = go(async function second() {
      await conn.read(new Uint8Array(1));
    });
    await turns(2);
    assert.ok(paragraphWith('(behind 1 others)').startsWith(`goroutine ${second.id} second`));
    await conn.close();
    await listener.close();
    await Promise.allSettled([reader.done, second.done, server.done]);
  });

  test('where the chain is cut, who serves the connection is inferred, and marked so', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const server = go(() =>
      listener.serve(
        (conn) =>
          new Promise<void>((resolve) => {
            conn.read(new Uint8Array(1)).then(() => setImmediate(resolve));
          }),
      ),
    );
    const conn = await dial('tcp', String(listener.addr));
    await turns(5);
    assert.match(paragraphWith(`${listener.addr}->${conn.localAddr}`), /^goroutine ~\d+ /);
    await conn.close();
    await turns(5);
    await listener.close();
    await server.done;
  });
});

test('100,000 parked goroutines: one look takes less than a second of CPU', async () => {
  const ended = await runChild(
    `import { go, sleep, stack } from 'gopark';
    async function nap() { await sleep(1e6); }
    for (let i = 0; i < 100000; i++) go(nap);
    await sleep(1);
    let best = Infinity;
    for (let i = 0; i < 3; i++) {
      const start = process.cpuUsage();
      var text = stack();
      const { user, system } = process.cpuUsage(start);
      best = Math.min(best, (user + system) / 1000);
    }
    console.log(best < 1000, Math.round(best));
    console.log(text);
    process.exit(0);`,
  );
  assert.match(ended.stdout, /^true /);
  assert.match(ended.stdout, /\d\d,\d\d\d (goroutines|waits of unknown goroutines) .*\[sleep\]/);
});
