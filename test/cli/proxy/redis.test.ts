import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { needs } from '../../lib/needs.ts';
import { needsProgram, ProxyProcess } from './lib.ts';

const run = promisify(execFile);

/** Runs `use` with a redis-server on a Unix socket of its own: nobody else can have taken that. */
async function withRedis(use: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gopark-redis-'));
  const path = join(folder, 'redis');
  const args = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder];
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  try {
    for await (const line of createInterface({ input: server.stdout })) {
      if (/ready to accept connections/i.test(line)) break;
    }
    server.stdout.resume();
    await use(path, folder);
  } finally {
    server.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('gopark proxy: redis behind it', () => {
  const programs = needs('unix').skip
    ? needs('unix')
    : needsProgram('redis-server', 'redis-cli', 'redis-benchmark');

  test('redis-cli and redis-benchmark, pipelined and with large values', programs, async () => {
    await withRedis(async (path) => {
      await ProxyProcess.with(['--to', `unix:${path}`], async (proxy) => {
        const port = ['-p', String(proxy.port)];
        const cli = async (...args: string[]) => (await run('redis-cli', [...port, ...args])).stdout.trim();
        assert.equal(await cli('ping'), 'PONG');
        assert.equal(await cli('set', 'name', 'value'), 'OK');
        assert.equal(await cli('get', 'name'), 'value');
        for (const load of [
          ['-c', '50', '-n', '5000', '-t', 'set,get'],
          ['-c', '20', '-n', '20000', '-P', '16', '-t', 'incr'],
          ['-c', '10', '-n', '500', '-d', '65536', '-t', 'set,get'],
        ]) {
          const { stdout, stderr } = await run('redis-benchmark', [...port, '--csv', ...load]);
          assert.equal(stderr.replace(/^WARNING: .*\n/gm, ''), '');
          assert.match(stdout, /"(SET|INCR)","\d/);
        }
        assert.equal(await cli('get', 'counter:__rand_int__'), '20000');
        const { counters } = await proxy.reportWhen(
          (report) => report.counters.active === 0,
          'all to have left',
        );
        assert.equal(counters.resetByUpstream, 0);
        assert.ok(counters.bytesUp > 500 * 65_536 && counters.bytesDown > 500 * 65_536);
      });
    });
  });
});
