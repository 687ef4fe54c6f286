import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { prometheusContentType } from 'gopark/debug';
import { parseExposition } from '../../debug/lib/exposition.ts';
import { needs } from '../../lib/needs.ts';
import { ending, main, ProxyProcess, runProxy, take, UpstreamServer } from './lib.ts';

describe('gopark proxy: beginning and end', () => {
  test('SIGTERM: nobody new, those who are there finish', async () => {
    await using upstream = await UpstreamServer.listen();
    const proxy = await ProxyProcess.start('--to', upstream.address, '--drain', '1h');
    const [client, server] = await Promise.all([proxy.connect(), upstream.next()]);
    proxy.signal('SIGTERM');
    await proxy.line('SIGTERM: draining 1 ');
    const refused = connect(proxy.port, '127.0.0.1');
    const [error] = await once(refused, 'error');
    // Reset, where it was faster than the proxy.
    assert.match(error.code, /^(ECONNREFUSED|ECONNRESET)$/);
    client.write('still there?');
    await take(server, 12);
    server.end('yes');
    client.end();
    assert.equal(String((await ending(client)).bytes), 'yes');
    const { code, stdout, stderr } = await proxy.ended();
    assert.deepEqual([code, stderr], [0, '']);
    assert.doesNotMatch(stdout, /cut off/);
  });

  test('who is left after the drain time is cut off; a second signal does not wait for it', async () => {
    for (const [drain, signals] of [
      ['50ms', 1],
      ['1h', 2],
    ] as const) {
      await using upstream = await UpstreamServer.listen();
      const proxy = await ProxyProcess.start('--to', upstream.address, '--drain', drain);
      const [client, server] = await Promise.all([proxy.connect(), upstream.next()]);
      const ends = [ending(client), ending(server)];
      proxy.signal('SIGINT');
      await proxy.line('SIGINT: draining 1 ');
      if (signals === 2) proxy.signal('SIGTERM');
      await Promise.all(ends);
      const { code, stdout } = await proxy.ended();
      assert.equal(code, 0);
      assert.match(stdout, /\n1 connections were cut off\n$/);
      client.destroy();
    }
  });

  test('an upstream that keeps silent does not hold it, when the client has long said its last', async () => {
    await using upstream = await UpstreamServer.listen();
    const proxy = await ProxyProcess.start('--to', upstream.address, '--drain', '50ms');
    const [client, server] = await Promise.all([proxy.connect(), upstream.next()]);
    client.end('the last');
    await take(server, 8);
    proxy.signal('SIGTERM');
    const [{ code, stdout, stderr }] = await Promise.all([proxy.ended(), ending(server), ending(client)]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /\n1 connections were cut off\n$/);
  });

  test('SIGUSR2 says what goes on, the admin listener in HTTP, and nothing that it is sent disturbs it', async () => {
    await using upstream = await UpstreamServer.listen();
    await ProxyProcess.with(['--to', upstream.address], async (proxy) => {
      proxy.signal('SIGUSR2');
      const { counters, pools } = JSON.parse(await proxy.line('{'));
      assert.equal(counters.active, 0);
      assert.equal(pools[0].upstreams[0].addr, upstream.address);
      assert.equal((await proxy.ask('/other')).status, 404);
      assert.equal((await proxy.ask('/', 'POST')).status, 405);
      const head = await proxy.ask('/', 'HEAD');
      assert.equal(head.status, 200);
      assert.equal(await head.text(), '');
      for (const garbage of ['\0\0\0\r\n\r\n', 'GET /\r\n\r\n', 'x'.repeat(20_000), 'GET / HTTP/1.1']) {
        const socket = connect({ port: proxy.adminPort, host: '127.0.0.1', allowHalfOpen: true });
        const end = ending(socket);
        socket.end(garbage);
        await end;
        socket.destroy();
      }
      assert.equal((await proxy.ask('/')).status, 200);
    });
  });

  test('/metrics is the same for Prometheus', async () => {
    await using upstream = await UpstreamServer.listen();
    // The same one twice: a scraper drops all of it where two lines have the same labels.
    await ProxyProcess.with(['--to', upstream.address, '--to', upstream.address], async (proxy) => {
      const [client, server] = await Promise.all([proxy.connect(), upstream.next()]);
      client.write('hello');
      await take(server, 5);
      server.write('world');
      await take(client, 5);
      await proxy.reportWhen(
        ({ counters }) => counters.bytesUp === 5 && counters.bytesDown === 5,
        'both to be counted',
      );
      const response = await proxy.ask('/metrics');
      assert.equal(response.headers.get('content-type'), prometheusContentType);
      const families = parseExposition(await response.text());
      const report = await proxy.report();
      const samplesOf = (name: string) => families.get(name)!.samples;
      assert.deepEqual(samplesOf('gopark_proxy_connections'), [
        { labels: { listener: report.listeners[0]!.addr }, value: 1 },
      ]);
      assert.equal(samplesOf('gopark_proxy_accepted_total')[0]!.value, 1);
      const transferred = samplesOf('gopark_proxy_transferred_bytes_total');
      assert.deepEqual(
        transferred.map(({ labels, value }) => [labels.direction, value]),
        [
          ['up', 5],
          ['down', 5],
        ],
      );
      assert.deepEqual(
        samplesOf('gopark_proxy_upstream_up').map(({ labels, value }) => [labels.upstream, value]),
        [
          [upstream.address, 1],
          [`${upstream.address} (2)`, 1],
        ],
      );
      assert.ok(families.has('gopark_goroutines') && families.has('process_cpu_seconds_total'));
      for (const [name, { type }] of families)
        assert.equal(name.endsWith('_total'), type === 'counter', name);
      client.destroy();
      server.destroy();
    });
  });

  test('a socket that the service manager has opened', needs('inherit'), async () => {
    await using upstream = await UpstreamServer.listen();
    const opened = createServer().listen(0, '127.0.0.1');
    await once(opened, 'listening');
    const { port } = opened.address() as AddressInfo;
    const descriptor = (opened as unknown as { _handle: { fd: number } })._handle.fd;
    const proxy = spawn(
      '/bin/sh',
      [
        '-c',
        'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"',
        process.execPath,
        main,
        'proxy',
        '--listen',
        'systemd',
        '--to',
        upstream.address,
      ],
      { stdio: ['ignore', 'pipe', 'inherit', descriptor] },
    );
    // From here on only the proxy has it.
    opened.close();
    await once(proxy.stdout!, 'data');
    const client = connect({ port, host: '127.0.0.1' });
    client.write('hello');
    const server = await upstream.next();
    assert.equal(String(await take(server, 5)), 'hello');
    server.end();
    client.destroy();
    proxy.kill('SIGTERM');
    const [code] = await once(proxy, 'exit');
    assert.equal(code, 0);
  });

  test('bad arguments: exit code 2 and a reason', async () => {
    const good = ['--listen', '127.0.0.1:0', '--to', '127.0.0.1:1'];
    const rows: [args: string[], reason: RegExp][] = [
      [[], /where to listen\?/],
      [['--listen', '127.0.0.1:0'], /where to connect to\?/],
      [
        ['--listen', 'nowhere', '--to', '127.0.0.1:1'],
        /--listen: expected host:port or unix:\/path, got "nowhere"/,
      ],
      [['--listen', '127.0.0.1:0', '--to', 'unix:'], /--to: expected/],
      [['--listen', '127.0.0.1:0', '--to', 'example.com:99999'], /--to: expected/],
      [['--listen', '127.0.0.1:0', '--to', 'a:1,weight=0'], /weight: expected a whole number of at least 1/],
      [[...good, '--drain', '5 minutes'], /--drain: expected a time like/],
      [[...good, '--dial-timeout', '0'], /--dial-timeout: expected a time like .* above 0/],
      [[...good, '--idle-timeout', '900h'], /--idle-timeout: expected a time/],
      [[...good, '--route', 'example.com'], /--route: expected name=host:port/],
      [[...good, '--route', 'exa mple.com=a:1'], /--route: expected name=host:port/],
      [['--listen', 'systemd', ...good, '--listen', 'systemd'], /once is enough/],
      [[...good, '--send-proxy', 'v3'], /--send-proxy: expected v1 or v2, got "v3"/],
      [[...good, '--accept-proxy-from', '10.0.0.0/33'], /--accept-proxy-from: expected an address/],
      [[...good, '--max-connections', 'many'], /--max-connections: expected a whole number/],
      [[...good, '--unheard-of'], /--unheard-of/],
      [[...good, 'stray'], /stray/],
    ];
    const found = await Promise.all(rows.map(([args]) => runProxy(...args)));
    for (const [i, { code, stdout, stderr }] of found.entries()) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, rows[i]![1]);
      assert.equal(stdout, '');
    }
  });

  test('few descriptors: as many clients as they are enough for, others wait', async () => {
    await using upstream = await UpstreamServer.listen();
    const proxy = await ProxyProcess.startLimited(256, '--to', upstream.address, '--drain', '1s');
    // Two for each, and a quarter for everything else.
    const clients = [];
    for (let i = 0; i < 97; i++) clients.push(await proxy.connect());
    const servers = [];
    for (let i = 0; i < 96; i++) servers.push(await upstream.next());
    const next = upstream.next();
    servers[0]!.end();
    clients[0]!.end();
    (await next).destroy();
    // With waiting ones some drivers have no descriptor left at all: it goes on, and says what it can.
    for (let i = 0; i < 200; i++) clients.push(await proxy.connect());
    proxy.signal('SIGUSR2');
    const { memory, counters } = JSON.parse(await proxy.line('{'));
    assert.ok(memory === null || memory > 1e6, `memory ${memory}`);
    assert.equal(counters.active, 96);
    for (const socket of [...clients, ...servers]) socket.destroy();
    const { code, stderr } = await proxy.stop();
    assert.deepEqual([code, stderr], [0, '']);
  });

  test('what cannot be had: exit code 1 and a reason', async () => {
    await using upstream = await UpstreamServer.listen();
    const taken = await runProxy('--listen', upstream.address, '--to', '127.0.0.1:1');
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /EADDRINUSE|already in use/);
    const many = await runProxy('--listen', '127.0.0.1:0', '--to', 'a:1', '--max-connections', '99999999');
    assert.equal(many.code, 1);
    assert.match(many.stderr, /^gopark proxy: 99999999 connections need 200000062 file descriptors/);
    assert.match(many.stderr, /Each client needs two/);
    const alone = await runProxy('--listen', 'systemd', '--to', 'a:1');
    assert.equal(alone.code, 1);
    assert.match(alone.stderr, /handed over no listening socket/);
    const help = await runProxy('--help');
    assert.equal(help.code, 0);
    assert.match(help.stdout, /--listen ADDR/);
  });
});
