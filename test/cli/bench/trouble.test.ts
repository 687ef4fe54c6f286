import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { Result } from '#dist/cli/bench/result.js';
import { echo, runBench, withPath, withServer } from './lib.ts';

const short = ['--duration', '300ms', '--warm-up', '0', '--connections', '4'];

describe('gopark bench: servers that do not', { timeout: 120_000 }, () => {
  for (const procs of ['1', '2']) {
    test(`nobody listens (${procs} processes)`, async () => {
      const address = await withServer(echo, async (free) => free);
      const { code, stderr } = await runBench([address, '--procs', procs]);
      assert.equal(code, 1);
      assert.match(stderr, RegExp(`^gopark: dial tcp ${address}: connection refused\n$`));
    });

    test(`a silent server (${procs} processes): said once, and soon`, async () => {
      await withServer(
        (socket) => socket.resume(),
        async (address) => {
          const { code, stderr } = await runBench([
            address,
            '--timeout',
            '300ms',
            '--procs',
            procs,
            '--quiet',
          ]);
          assert.equal(code, 1);
          assert.equal(
            stderr,
            'gopark: no answer for 1.3 s: nothing came while an answer was due (--timeout, --reply)\n',
          );
        },
      );
    });
  }

  test('what comes is no whole answer', async () => {
    await withServer(
      (socket) => socket.on('data', () => socket.write('x')),
      async (address) => {
        const { code, stderr } = await runBench([
          address,
          '--timeout',
          '300ms',
          '--reply',
          'line',
          '--quiet',
        ]);
        assert.equal(code, 1);
        assert.match(stderr, /no answer.*1 bytes, but no whole answer came/);
      },
    );
  });

  test('another answer than the one that was expected', async () => {
    await withServer(
      (socket) => socket.on('data', () => socket.write('+PONG\r\n')),
      async (address) => {
        const { code, stderr } = await runBench([address, '--text', 'PING\\r\\n', '--quiet']);
        assert.equal(code, 1);
        assert.match(stderr, /^gopark: byte 0 of an echo is 0x2b, sent was 0x50 \(--reply/);
      },
    );
  });

  test('more answers than messages', async () => {
    const twice = (socket: Socket) => {
      socket.on('data', (data) => socket.write(Buffer.concat([data, data])));
    };
    await withServer(twice, async (address) => {
      const { code, stderr } = await runBench([address, '--quiet']);
      assert.equal(code, 1);
      assert.match(stderr, /nobody had asked for/);
    });
  });

  for (const [how, code, loop] of [
    ['resets', 'ECONNRESET', []],
    ['resets', 'ECONNRESET', ['--rate', '500']],
    ['ends', 'ERR_ENDED', []],
  ] as const) {
    test(`a server that ${how} in the middle${loop.length > 0 ? ', open loop' : ''}: counted, and connected again`, async () => {
      let connections = 0;
      const serve = (socket: Socket) => {
        connections++;
        let messages = 0;
        socket.on('data', (data) => {
          if (++messages <= 5) socket.write(data);
          else if (how === 'resets') socket.resetAndDestroy();
          else socket.end();
        });
      };
      await withServer(serve, async (address) => {
        await withPath(async (path) => {
          const ended = await runBench([address, ...short, ...loop, '--json', path]);
          assert.equal(ended.code, 1);
          assert.match(ended.stdout, RegExp(`errors +[\\d,]+ x ${code}: `));
          const { errors, answered, unanswered } = JSON.parse(readFileSync(path, 'utf8')) as Result;
          assert.deepEqual(Object.keys(errors), [code]);
          assert.ok(errors[code]!.count > 0 && unanswered > 0 && answered > 0);
          assert.ok(connections > 4, `${connections} connections`);
        });
      });
    });
  }

  test('refusals of the protocol make the exit code 1', async () => {
    await withServer(
      (socket) => socket.on('data', () => socket.write('-ERR no\r\n')),
      async (address) => {
        const { code, stdout } = await runBench([address, ...short, '--text', 'X\\r\\n', '--reply', 'resp']);
        assert.equal(code, 1);
        assert.match(stdout, /refusals +[\d,]+ answers say/);
      },
    );
  });

  test('a server that falls silent: what waits counts with the time it has waited', async () => {
    let messages = 0;
    const serve = (socket: Socket) => {
      socket.on('data', (data) => {
        if (++messages <= 40) socket.write(data);
      });
    };
    await withServer(serve, async (address) => {
      await withPath(async (path) => {
        const args = [
          '--rate',
          '100',
          '--duration',
          '1s',
          '--warm-up',
          '0',
          '--timeout',
          '3s',
          '--json',
          path,
        ];
        const { code } = await runBench([address, ...args, '--connections', '2']);
        assert.equal(code, 1);
        const { unanswered, latency } = JSON.parse(readFileSync(path, 'utf8')) as Result;
        assert.ok(Math.abs(unanswered - 60) <= 5, `${unanswered} unanswered`);
        assert.ok(latency!.percentiles['90']! > 2.5e6, JSON.stringify(latency));
      });
    });
  });

  for (const procs of ['1', '2']) {
    test(`Ctrl-C shows what was found (${procs} processes)`, async () => {
      await withServer(echo, async (address) => {
        await withPath(async (path) => {
          const args = ['--duration', '5m', '--connections', '4', '--procs', procs, '--json', path];
          let interrupted = false;
          const { code, stdout, stderr } = await runBench([address, ...args], {
            onLine: (line, interrupt) => {
              // Once: a second Ctrl-C means now.
              if (!interrupted && /^ +1 /.test(line)) interrupt();
              interrupted ||= /^ +1 /.test(line);
            },
          });
          assert.equal(code, 130, stdout + stderr);
          assert.match(stdout, /answers +[\d,]+ in \d+\.\d+ s/);
          const { interrupted: told, answered } = JSON.parse(readFileSync(path, 'utf8')) as Result;
          assert.ok(told && answered > 0);
        });
      });
    });
  }

  test('Ctrl-C while it connects', async () => {
    await withServer(echo, async (address, server) => {
      const { code, stderr } = await runBench([address, '--ramp', '1', '--connections', '500', '--quiet'], {
        onStart: (interrupt) => server.once('connection', interrupt),
      });
      assert.equal(code, 130);
      assert.match(stderr, /interrupted before anything was measured/);
    });
  });

  for (const [args, complaint] of [
    [[], /which server/],
    [['nowhere'], /expected host:port or unix:\/path, got "nowhere"/],
    [['127.0.0.1:1', 'more'], /what is "more"/],
    [['127.0.0.1:1', '--connections', 'many'], /--connections: expected/],
    [['127.0.0.1:1', '--duration', '10'], /10s or 10ms/],
    [['127.0.0.1:1', '--duration', '1s', '--messages', '1'], /not both/],
    [['127.0.0.1:1', '--poisson'], /at which --rate/],
    [['127.0.0.1:1', '--reply', 'json'], /--reply: expected echo, line/],
    [['127.0.0.1:1', '--size', '1', '--text', 'x'], /one of them/],
    [['127.0.0.1:1', '--http', '/', '--size', '1'], /one of them/],
    [['127.0.0.1:1', '--http', 'x'], /--http: expected a path/],
    [['127.0.0.1:1', '--rounds', '3'], /without --against/],
    [['127.0.0.1:1', '--against', '127.0.0.1:2', '--duration', '3s'], /--rounds and --slice/],
    [['127.0.0.1:1', '--against', 'x'], /--against: expected host:port/],
    [['127.0.0.1:1', '--procs', '9', '--connections', '3'], /cannot share 3/],
    [['127.0.0.1:1', '--nonsense'], /nonsense/],
    [['compare', 'one.json'], /two files/],
  ] as const) {
    test(`a bad command line: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runBench(args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, complaint);
    });
  }
});
