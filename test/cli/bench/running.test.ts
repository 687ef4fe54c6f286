import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { Result } from '#dist/cli/bench/result.js';
import { echo, runBench, withPath, withServer } from './lib.ts';

const short = ['--duration', '300ms', '--warm-up', '100ms', '--connections', '4'];

/** Runs to the end and gives what `--json` wrote. */
async function resultOf(address: string, ...args: string[]): Promise<Result> {
  return withPath(async (path) => {
    const { code, stdout, stderr } = await runBench([address, ...short, '--json', path, ...args]);
    assert.equal(code, 0, stdout + stderr);
    return JSON.parse(readFileSync(path, 'utf8')) as Result;
  });
}

/** Answers each message of 64 bytes after a time: one in 50 after `slow`. */
function delayed(usual: number, slow: number): (socket: Socket) => void {
  let messages = 0;
  return (socket) => {
    let have = 0;
    socket.on('data', (data: Buffer) => {
      have += data.length;
      // The message is a pattern that starts anew every 64 bytes, and connections have one under way at a time.
      if (have < 64) return;
      have = 0;
      setTimeout(() => socket.write(data), ++messages % 50 === 0 ? slow : usual);
    });
  };
}

describe('gopark bench: servers that answer', { timeout: 120_000 }, () => {
  test('closed loop: what it counts is what the server has seen', async () => {
    let seen = 0;
    const serve = (socket: Socket) => {
      socket.on('data', (data) => {
        seen += data.length / 64;
      });
      echo(socket);
    };
    await withServer(serve, async (address) => {
      const result = await resultOf(address, '--warm-up', '0', '--depth', '3');
      const { answered, latency, load, rate, seconds, bytesSent, bytesReceived } = result;
      assert.ok(answered > 0 && answered <= seen && seen - answered <= 4 * 3, `${answered} of ${seen}`);
      assert.ok(Math.abs(rate - answered / seconds) < 1e-6);
      assert.ok(seconds >= 0.3);
      assert.equal(latency!.count, answered);
      assert.ok(latency!.min <= latency!.percentiles['50']! && latency!.percentiles['50']! <= latency!.max);
      assert.deepEqual([load.connections, load.depth, load.size, load.rate], [4, 3, 64, null]);
      assert.ok(bytesReceived / 64 >= answered && bytesSent >= bytesReceived);
      assert.deepEqual([result.errors, result.unanswered, result.interrupted], [{}, 0, false]);
    });
  });

  test('a number of messages: exactly so many, one process or two', async () => {
    for (const procs of ['1', '2']) {
      let seen = 0;
      const serve = (socket: Socket) => {
        socket.on('data', (data) => {
          seen += data.length;
          socket.write(data);
        });
      };
      await withServer(serve, async (address) => {
        await withPath(async (path) => {
          const args = [
            '--messages',
            '501',
            '--connections',
            '3',
            '--depth',
            '2',
            '--procs',
            procs,
            '--json',
            path,
          ];
          const { code, stdout, stderr } = await runBench([address, ...args]);
          assert.equal(code, 0, stdout + stderr);
          const { answered, latency, load } = JSON.parse(readFileSync(path, 'utf8')) as Result;
          assert.deepEqual(
            [answered, seen, latency!.count, load.processes],
            [501, 501 * 64, 501, Number(procs)],
          );
        });
      });
    }
  });

  test('open loop: the rate that was asked for, whatever the depth', async () => {
    for (const args of [[], ['--poisson', '--depth', '50'], ['--procs', '2']]) {
      await withServer(echo, async (address) => {
        const { latency, generator, load, seconds } = await resultOf(
          address,
          '--rate',
          '400',
          '--duration',
          '1s',
          ...args,
        );
        // What was due in the window counts, wherever it was late: a busy machine makes no difference.
        const [slack, due] = [load.poisson ? 150 : 20, 400 * seconds];
        assert.ok(Math.abs(latency!.count - due) <= slack, `${latency!.count} messages, not ${due}`);
        const { mean, p99, max } = generator.lateness!;
        assert.ok(mean >= 0 && p99 > 0 && p99 <= max && mean <= max, `${mean}, ${p99}, ${max}`);
      });
    }
  });

  test('latencies are those that the server makes', async () => {
    await withServer(delayed(5, 60), async (address) => {
      for (const args of [[], ['--rate', '300']]) {
        const { latency } = await resultOf(address, '--duration', '1500ms', '--connections', '20', ...args);
        const { percentiles, min } = latency!;
        // Timers of Node may fire a millisecond early by the wall clock.
        assert.ok(min >= 4000, `min ${min}`);
        assert.ok(percentiles['50']! >= 4000 && percentiles['99']! >= 59_000, JSON.stringify(percentiles));
        assert.ok(percentiles['90']! < percentiles['99']!);
      }
    });
  });

  test('open loop: who waits for a stalled server counts from when it was due', async () => {
    // One connection, one message under way: the server sleeps once, and what was due meanwhile has to wait.
    let messages = 0;
    const serve = (socket: Socket) => {
      socket.on('data', (data) => {
        if (++messages === 60) setTimeout(() => socket.write(data), 600);
        else socket.write(data);
      });
    };
    await withServer(serve, async (address) => {
      const args = ['--rate', '200', '--duration', '2s', '--warm-up', '0', '--connections', '1'];
      const { latency } = await resultOf(address, ...args);
      // 120 of 400 were due while it slept: half of those waited for more than 300 ms. A closed loop would tell of one.
      assert.ok(latency!.percentiles['90']! > 150_000, JSON.stringify(latency));
      assert.ok(latency!.max >= 590_000);
    });
  });

  test('lines, delimiters, numbers of bytes, files and hex', async () => {
    const answer = (text: string) => (socket: Socket) => {
      socket.on('data', (data) => socket.write(text.repeat(data.filter((byte) => byte === 10).length)));
    };
    await withServer(answer('PONG\r\n'), async (address) => {
      for (const reply of ['line', 'until:\\r\\n', 'bytes:6', 'until:NG\\x0d\\x0a']) {
        assert.ok((await resultOf(address, '--text', 'PING\\r\\n', '--reply', reply)).answered > 0);
      }
      assert.ok((await resultOf(address, '--hex', '50 0a', '--reply', 'line', '--depth', '9')).answered > 0);
      await withPath(async (file) => {
        writeFileSync(file, 'ping\n');
        assert.ok((await resultOf(address, '--file', file, '--reply', 'line')).answered > 0);
      });
    });
  });

  test('HTTP', async () => {
    const paths = new Set<string>();
    const serve = (socket: Socket) => {
      socket.on('data', (data) => {
        paths.add(String(data).split(' ')[1]!);
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
      });
    };
    await withServer(serve, async (address) => {
      const { answered, load } = await resultOf(address, '--http', '/a?b=c');
      assert.ok(answered > 0);
      assert.deepEqual([...paths], ['/a?b=c']);
      assert.equal(load.reply, 'http');
    });
  });

  test('large messages, deeper than the kernel takes at once', async () => {
    await withServer(echo, async (address) => {
      const { answered, bytesReceived } = await resultOf(
        address,
        '--size',
        '300k',
        '--depth',
        '4',
        '--warm-up',
        '0',
      );
      assert.ok(answered > 0 && bytesReceived >= answered * 300 * 1024);
    });
  });

  test('a Unix socket', async () => {
    await withPath(async (path) => {
      await withServer(echo, async (address) => assert.ok((await resultOf(address)).answered > 0), path);
    });
  });

  test('a ramp: connections come one after the other', async () => {
    const arrivals: number[] = [];
    const serve = (socket: Socket) => {
      arrivals.push(performance.now());
      echo(socket);
    };
    await withServer(serve, async (address) => {
      await resultOf(address, '--ramp', '20', '--connections', '8');
      assert.equal(arrivals.length, 8);
      // Seven gaps of 50 ms; accepting may be late, so the first one may seem later than it was.
      assert.ok(arrivals[7]! - arrivals[0]! > 200, String(arrivals));
    });
  });

  test('as many processes as the descriptors ask for', async () => {
    let open = 0;
    let most = 0;
    const serve = (socket: Socket) => {
      most = Math.max(most, ++open);
      socket.on('close', () => open--);
      echo(socket);
    };
    await withServer(serve, async (address) => {
      await withPath(async (path) => {
        const args = ['--connections', '300', '--json', path, '--duration', '200ms', '--warm-up', '100ms'];
        const { code, stdout, stderr } = await runBench([address, ...args], { descriptors: 224 });
        assert.equal(code, 0, stdout + stderr);
        const { load } = JSON.parse(readFileSync(path, 'utf8')) as Result;
        assert.deepEqual([load.processes, most], [2, 300]);
      });
    });
  });

  test('progress goes to stderr, the result to stdout', async () => {
    await withServer(echo, async (address) => {
      const { stdout, stderr } = await runBench([address, ...short]);
      assert.match(stderr, /^ +seconds +conns +answers\/s/);
      assert.match(stderr, /warm-up +4 +[\d,]+/);
      assert.match(
        stdout,
        /^127\.0\.0\.1:\d+: closed loop, 4 connections, 64 B, answers echo\n {2}answers +[\d,]+ in 0\.\d+ s, [\d,]+\/s\n {2}latency +p50 /,
      );
      assert.equal((await runBench([address, ...short, '--quiet'])).stderr, '');
    });
  });

  test('the CPU time of the server', {
    skip: process.platform === 'linux' ? false : 'only Linux tells it',
  }, async () => {
    await withServer(echo, async (address) => {
      const { serverCPU } = await resultOf(address, '--pid', String(process.pid));
      assert.ok(serverCPU! > 0 && serverCPU! < 1e6, String(serverCPU));
    });
  });
});
