import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AddrError, DNSError, lookupAddr, lookupHost, lookupPort, Resolver } from 'gopark/net';
import { parseHosts } from '#dist/net/hosts-file.js';
import { LookupThreads } from '#dist/net/lookup-threads.js';
import { orderServers } from '#dist/net/records.js';
import { parseServices } from '#dist/net/services.js';
import { type SystemCalls, SystemLookup } from '#dist/net/system-lookup.js';
import { ThreadBudget } from '#dist/runtime/threads.js';
import { allWaits } from '#dist/runtime/waits.js';
import { runChild } from '../lib/child.ts';
import { rejection, stillPending, turns, until, watch } from '../lib/waiting.ts';
import { type Answer, DNSServer, type Question } from './lib/dns-server.ts';

/** What dialers use of a resolver. */
interface Finder {
  findAddresses(
    host: string,
    family: 0 | 4 | 6,
    signal: AbortSignal,
    found: (addresses: readonly string[]) => void,
  ): Promise<void>;
}

type Found = (error: NodeJS.ErrnoException | null, addresses: readonly string[]) => void;

/** The system's resolver, but it answers when a test says so. */
function slowSystem(budget = new ThreadBudget(4)) {
  const asked: { host: string; family: number; answer: Found }[] = [];
  const calls: SystemCalls = {
    addresses: (host, family, answer) => void asked.push({ host, family, answer }),
    name: (address, answer) =>
      void asked.push({
        host: address,
        family: 0,
        answer: (error, [name]) => answer(error, name ?? address),
      }),
  };
  const threads = new LookupThreads(budget);
  return { lookup: new SystemLookup(calls, threads), asked, threads };
}

describe('resolver: the threads of the system', () => {
  test('two at a time, the others wait their turn', async () => {
    const { lookup, asked, threads } = slowSystem();
    const all = ['a', 'b', 'c', 'd'].map((host) => watch(lookup.addresses(host, 0)));
    assert.deepEqual([asked.map(({ host }) => host), threads.busy, threads.queued], [['a', 'b'], 2, 2]);
    asked[1]!.answer(null, ['10.0.0.2']);
    await all[1]!.promise;
    assert.deepEqual(all[1]!.outcome, { state: 'resolved', value: ['10.0.0.2'] });
    assert.deepEqual([asked.map(({ host }) => host), threads.busy, threads.queued], [['a', 'b', 'c'], 2, 1]);
    asked[0]!.answer(Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }), []);
    await all[0]!.promise;
    const { outcome } = all[0]!;
    assert.ok(outcome.state === 'rejected' && outcome.error instanceof DNSError);
    assert.deepEqual(
      [outcome.error.code, outcome.error.hostname, outcome.error.isTemporary],
      ['EAI_AGAIN', 'a', true],
    );
    for (const { answer } of asked.slice(2)) answer(null, ['10.0.0.3']);
    await Promise.all(all.map(({ promise }) => promise));
    assert.deepEqual([threads.busy, threads.queued], [0, 0]);
  });

  test('they share the budget of all blocking work, and leave a thread to others', async () => {
    const budget = new ThreadBudget(3);
    const files = budget.share(1, () => {});
    assert.ok(files.tryTake());
    const { lookup, threads } = slowSystem(budget);
    void watch(lookup.addresses('a', 0));
    void watch(lookup.addresses('b', 0));
    assert.deepEqual([threads.busy, threads.queued], [1, 1]);
    files.giveBack();
    assert.deepEqual([threads.busy, threads.queued], [2, 0], 'the thread that came free');
  });

  test('who asks the same shares the lookup, not the array of the answer', async () => {
    const { lookup, asked } = slowSystem();
    const both = [lookup.addresses('a', 0), lookup.addresses('a', 0)];
    void watch(lookup.addresses('a', 4));
    assert.deepEqual(
      asked.map(({ host, family }) => [host, family]),
      [
        ['a', 0],
        ['a', 4],
      ],
    );
    asked[0]!.answer(null, ['10.0.0.1']);
    assert.deepEqual(await Promise.all(both), [['10.0.0.1'], ['10.0.0.1']]);
    void watch(lookup.addresses('a', 0));
    assert.equal(asked.length, 3, 'it was not remembered');
    const [one, two] = await Promise.all([lookupHost('localhost'), lookupHost('localhost')]);
    assert.deepEqual(one, two);
    assert.notEqual(one, two);
  });

  test('a caller who is cancelled is free at once, the thread when it returns', async () => {
    const { lookup, asked, threads } = slowSystem();
    const controller = new AbortController();
    const cancelled = watch(lookup.addresses('a', 0, controller.signal));
    const other = watch(lookup.addresses('a', 0));
    void watch(lookup.addresses('b', 0));
    const third = watch(lookup.addresses('c', 0, controller.signal));
    controller.abort('enough');
    await turns(1);
    assert.deepEqual(cancelled.outcome, { state: 'rejected', error: 'enough' });
    assert.deepEqual(third.outcome, { state: 'rejected', error: 'enough' });
    assert.ok(other.pending, 'the others still wait');
    assert.deepEqual(
      [threads.busy, threads.queued],
      [2, 0],
      'c has left the queue, a and b have their threads',
    );
    asked[0]!.answer(null, ['10.0.0.1']);
    await other.promise;
    assert.deepEqual(other.outcome, { state: 'resolved', value: ['10.0.0.1'] });
    assert.equal(threads.busy, 1);
    asked[1]!.answer(null, ['10.0.0.2']);
    assert.equal(threads.busy, 0);
    assert.deepEqual(
      asked.map(({ host }) => host),
      ['a', 'b'],
      'nobody asked for c',
    );
  });

  test('a lookup that everybody left: the next one who asks joins it', async () => {
    const { lookup, asked } = slowSystem();
    const controller = new AbortController();
    const left = watch(lookup.addresses('a', 0, controller.signal));
    controller.abort();
    await left.promise;
    const joined = lookup.addresses('a', 0);
    assert.equal(asked.length, 1);
    asked[0]!.answer(null, ['10.0.0.1']);
    assert.deepEqual(await joined, ['10.0.0.1']);
  });

  test('cancelled before it begins: nothing is asked', async () => {
    const { lookup, asked } = slowSystem();
    assert.equal(await rejection(lookup.addresses('a', 0, AbortSignal.abort('before'))), 'before');
    assert.equal(asked.length, 0);
  });

  test('a waiting caller is among the waits, and leaves nothing behind', async () => {
    const { lookup, asked } = slowSystem();
    const texts = () => [...allWaits()].map((wait) => wait.describeWait());
    const waiting = watch(lookup.addresses('some.host', 0));
    assert.ok(texts().includes('lookup some.host'));
    asked[0]!.answer(null, ['10.0.0.1']);
    await waiting.promise;
    assert.ok(!texts().includes('lookup some.host'));
  });

  test('an address without a name is not found', async () => {
    const { lookup, asked } = slowSystem();
    const names = watch(lookup.names('10.0.0.1'));
    asked[0]!.answer(null, ['10.0.0.1']);
    await names.promise;
    const { outcome } = names;
    assert.ok(outcome.state === 'rejected' && outcome.error instanceof DNSError && outcome.error.isNotFound);
  });

  test('the real one: localhost, both ways', async () => {
    assert.deepEqual(await lookupHost('localhost', { family: 4 }), ['127.0.0.1']);
    assert.deepEqual(await lookupHost('10.1.2.3'), ['10.1.2.3']);
    assert.deepEqual(await lookupHost('::1', { family: 6 }), ['::1']);
    const wrong = (await rejection(lookupHost('::1', { family: 4 }))) as unknown;
    assert.ok(wrong instanceof AddrError);
    const names = await lookupAddr('127.0.0.1');
    assert.equal(names.length, 1);
    assert.match(names[0]!, /^[a-z]/i);
    assert.ok(((await rejection(lookupAddr('localhost'))) as unknown) instanceof AddrError);
  });

  test('what cannot be a name is not found, and C never sees it', async () => {
    for (const name of ['', 'a\0b', 'a b', '[::1]', 'a/b', `${'a.'.repeat(200)}b`, '127.0.0.1\n']) {
      const error = (await rejection(lookupHost(name))) as unknown;
      assert.ok(error instanceof DNSError && error.isNotFound, JSON.stringify(name));
    }
  });
});

/** A server with a small zone, and a resolver that asks it. */
async function withServer(
  answer: (question: Question) => Answer | Promise<Answer>,
  use: (resolver: Resolver, server: DNSServer) => Promise<void>,
  options: { timeout?: number; tries?: number } = {},
): Promise<void> {
  await using server = await DNSServer.start(answer);
  const resolver = new Resolver({
    kind: 'c-ares',
    servers: [server.address],
    timeout: 5000,
    tries: 2,
    ...options,
  });
  await use(resolver, server);
}

const zone: Record<string, Answer> = {
  'A two.test': ['192.0.2.1', '192.0.2.2'],
  'AAAA two.test': ['2001:db8::1'],
  'A old.test': ['192.0.2.9'],
  'AAAA old.test': [],
  'MX two.test': [
    { preference: 20, host: 'second.test' },
    { preference: 10, host: 'first.test' },
  ],
  'NS two.test': ['ns1.test', 'ns2.test'],
  'TXT two.test': ['short', 'long '.repeat(80)],
  'SRV _echo._tcp.two.test': [
    { priority: 2, weight: 1, port: 7, target: 'backup.test' },
    { priority: 1, weight: 1, port: 8, target: 'main.test' },
  ],
  'PTR 9.2.0.192.in-addr.arpa': ['old.test'],
  'CNAME a.test': ['b.test'],
  'CNAME b.test': ['c.test'],
  'CNAME c.test': [],
  'CNAME round.test': ['round.test'],
};
const fromZone = ({ type, name }: Question): Answer => zone[`${type} ${name}`] ?? 3;

describe('resolver: c-ares, without threads', () => {
  test('hosts: both families, one of them, none', async () => {
    await withServer(fromZone, async (resolver, server) => {
      assert.deepEqual(await resolver.lookupHost('two.test'), ['2001:db8::1', '192.0.2.1', '192.0.2.2']);
      assert.deepEqual(await resolver.lookupHost('two.test', { family: 4 }), ['192.0.2.1', '192.0.2.2']);
      assert.deepEqual(await resolver.lookupHost('old.test'), ['192.0.2.9']);
      assert.deepEqual(await resolver.lookupHost('localhost', { family: 4 }), ['127.0.0.1']);
      const before = server.asked.length;
      assert.deepEqual(await resolver.lookupHost('192.0.2.77'), ['192.0.2.77']);
      assert.equal(server.asked.length, before);
      const none = (await rejection(resolver.lookupHost('none.test'))) as unknown;
      assert.ok(none instanceof DNSError && none.isNotFound && !none.isTemporary);
      assert.equal(none.hostname, 'none.test');
      const empty = (await rejection(resolver.lookupHost('old.test', { family: 6 }))) as unknown;
      assert.ok(empty instanceof DNSError && empty.isNotFound, String(empty));
    });
  });

  test('the other questions', async () => {
    await withServer(fromZone, async (resolver) => {
      assert.deepEqual(await resolver.lookupMX('two.test'), [
        { host: 'first.test', preference: 10 },
        { host: 'second.test', preference: 20 },
      ]);
      assert.deepEqual(await resolver.lookupNS('two.test'), ['ns1.test', 'ns2.test']);
      assert.deepEqual((await resolver.lookupTXT('two.test')).sort(), ['long '.repeat(80), 'short']);
      assert.deepEqual(
        (await resolver.lookupSRV('echo', 'tcp', 'two.test')).map(({ target, port }) => [target, port]),
        [
          ['main.test', 8],
          ['backup.test', 7],
        ],
      );
      assert.deepEqual(await resolver.lookupAddr('192.0.2.9'), ['old.test']);
      assert.equal(await resolver.lookupCNAME('a.test'), 'c.test');
      assert.equal(await resolver.lookupCNAME('c.test'), 'c.test');
      assert.equal((await rejection(resolver.lookupCNAME('round.test'))).code, 'ELOOP');
      assert.equal((await rejection(resolver.lookupMX('none.test'))).code, 'ENOTFOUND');
    });
  });

  test('a family that does not answer in time does not hold the other one up', async () => {
    await withServer(
      (question) => (question.type === 'AAAA' ? 'silence' : fromZone(question)),
      async (resolver) => {
        const batches: string[][] = [];
        const controller = new AbortController();
        const inside = resolver as unknown as Finder;
        const finding = inside.findAddresses('two.test', 0, controller.signal, (some) =>
          batches.push([...some]),
        );
        await until(() => batches.length === 1, 'the IPv4 addresses');
        assert.deepEqual(batches, [['192.0.2.1', '192.0.2.2']]);
        controller.abort('found one');
        assert.equal(await rejection(finding), 'found one');
      },
    );
  });

  test('one question for many callers; the last one to leave takes it back', async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await withServer(
      (question) => held.then(() => fromZone(question)),
      async (resolver, server) => {
        const controller = new AbortController();
        const cancelled = watch(resolver.lookupHost('two.test', { signal: controller.signal, family: 4 }));
        const others = [1, 2, 3].map(() => resolver.lookupHost('two.test', { family: 4 }));
        await until(() => server.asked.length > 0, 'the question');
        controller.abort('enough');
        await cancelled.promise;
        assert.deepEqual(cancelled.outcome, { state: 'rejected', error: 'enough' });
        await stillPending(others[0]!, 'those who stayed');
        release();
        for (const answer of await Promise.all(others)) assert.deepEqual(answer, ['192.0.2.1', '192.0.2.2']);
        assert.equal(server.count('A'), 1);
      },
    );
  });

  test('a server that stays silent: a timeout; one that fails: temporary', async () => {
    await withServer(
      () => 'silence',
      async (resolver) => {
        const error = (await rejection(resolver.lookupHost('two.test'))) as unknown;
        assert.ok(error instanceof DNSError, String(error));
        assert.deepEqual(
          [error.code, error.timeout, error.isTemporary, error.isNotFound],
          ['ETIMEOUT', true, true, false],
        );
      },
      { timeout: 50, tries: 1 },
    );
    await withServer(
      () => 2,
      async (resolver) => {
        const error = (await rejection(resolver.lookupHost('two.test'))) as unknown;
        assert.ok(error instanceof DNSError && error.isTemporary && !error.timeout, String(error));
      },
    );
  });

  test('a cancelled question keeps nothing alive', async () => {
    // With a minute to go before it would end by itself.
    const ended = await runChild(`
      import { createSocket } from 'node:dgram';
      import { once } from 'node:events';
      import { Resolver } from 'gopark/net';
      const silent = createSocket('udp4');
      silent.bind(0, '127.0.0.1');
      await once(silent, 'listening');
      const servers = ['127.0.0.1:' + silent.address().port];
      const resolver = new Resolver({ kind: 'c-ares', servers, timeout: 60_000 });
      const controller = new AbortController();
      const asking = resolver.lookupHost('two.test', { signal: controller.signal });
      await once(silent, 'message');
      controller.abort('enough');
      await asking.catch((reason) => console.log(reason));
      silent.close();
    `);
    assert.deepEqual([ended.code, ended.stdout], [0, 'enough\n'], ended.stderr);
  });

  test('options that cannot be', () => {
    for (const options of [
      { kind: 'magic' },
      { timeout: 0 },
      { timeout: 1.5 },
      { tries: 0 },
      { tries: 1e9 },
    ] as never[]) {
      assert.throws(() => new Resolver(options), RangeError);
    }
  });
});

describe('resolver: files and orders', () => {
  test('a hosts file, both ways', () => {
    const { addresses, names } = parseHosts(
      '# comment\n127.0.0.1\tlocalhost  Loop # more\n::1 localhost\r\nnonsense host\n10.0.0.1\n\n127.0.0.1 localhost\n',
    );
    assert.deepEqual(
      [...addresses],
      [
        ['localhost', ['127.0.0.1', '::1']],
        ['loop', ['127.0.0.1']],
      ],
    );
    assert.deepEqual(names.get('127.0.0.1'), ['localhost', 'Loop']);
  });

  test('ports of services', async () => {
    assert.equal(await lookupPort('tcp', 'http'), 80);
    assert.equal(await lookupPort('tcp4', 'HTTPS'), 443);
    assert.equal(await lookupPort('udp', 'domain'), 53);
    assert.equal(await lookupPort('tcp', '8080'), 8080);
    assert.equal(await lookupPort('tcp', ''), 0);
    for (const service of ['no-such-service', '65536', '-1', '1e3', ' 80', 'http/tcp', 'constructor']) {
      assert.ok(((await rejection(lookupPort('tcp', service))) as unknown) instanceof AddrError, service);
    }
    await assert.rejects(lookupPort('sctp' as never, 'http'), AddrError);
    const parsed = parseServices('# x\nhttp 80/tcp www # web\nhttp 81/tcp\ntime 37/udp\nbroken\nodd x/tcp\n');
    assert.deepEqual(
      [...parsed],
      [
        ['tcp/http', 80],
        ['tcp/www', 80],
        ['udp/time', 37],
      ],
    );
  });

  test('servers by priority, then at random by weight', () => {
    const server = (target: string, priority: number, weight: number) => ({
      target,
      port: 1,
      priority,
      weight,
    });
    const records = [
      server('last', 9, 0),
      server('heavy', 1, 3),
      server('light', 1, 1),
      server('never', 1, 0),
    ];
    const firsts = new Map<string, number>();
    let state = 42;
    const random = () => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return state / 2 ** 31;
    };
    for (let i = 0; i < 4000; i++) {
      const ordered = orderServers(records, random);
      assert.equal(ordered.length, 4);
      assert.equal(ordered[3]!.target, 'last');
      firsts.set(ordered[0]!.target, (firsts.get(ordered[0]!.target) ?? 0) + 1);
    }
    const share = (target: string) => (firsts.get(target) ?? 0) / 4000;
    assert.ok(
      Math.abs(share('heavy') - 0.6) < 0.05 && Math.abs(share('light') - 0.2) < 0.05,
      String([...firsts]),
    );
  });
});
