import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChild } from '../lib/child.ts';

/** A program that waits on the network for ever, after `code`. It signals itself as `signals` says. */
function runWaiting(code: string, env: Record<string, string> = {}) {
  return runChild(
    `import { go, runtime, sleep, stack } from 'gopark';
    import { listen } from 'gopark/net';
    const listener = await listen('tcp', '127.0.0.1:0');
    go(async function server() { await listener.accept(); });
    await sleep(1);
    ${code}`,
    { env },
  );
}

describe('signals', () => {
  test('SIGQUIT prints the dump and exits 2', async () => {
    const ended = await runWaiting(`process.kill(process.pid, 'SIGQUIT');`);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /^SIGQUIT: quit\n\n/);
    assert.match(
      ended.stderr,
      /^goroutine 1 server \[IO wait, .*\]: accept tcp 127\.0\.0\.1:\d+, created at/m,
    );
  });

  test('switched off, it is the system that ends the process', async () => {
    const ended = await runWaiting(`runtime.dumpOnQuit = false; process.kill(process.pid, 'SIGQUIT');`);
    assert.deepEqual([ended.code, ended.signal, ended.stderr], [null, 'SIGQUIT', '']);
  });

  test("a program's own listener has precedence", async () => {
    const ended = await runWaiting(
      `process.on('SIGQUIT', () => { console.log('own'); process.exit(0); });
      process.kill(process.pid, 'SIGQUIT');`,
    );
    assert.deepEqual([ended.code, ended.stdout, ended.stderr], [0, 'own\n', '']);
  });

  test('dumpOn prints and goes on, until it is taken back', async () => {
    const ended = await runWaiting(
      `const off = runtime.dumpOn('SIGUSR2');
      process.kill(process.pid, 'SIGUSR2');
      await sleep(50);
      off();
      process.on('SIGUSR2', () => { console.log('alive'); process.exit(0); });
      process.kill(process.pid, 'SIGUSR2');`,
    );
    assert.equal(ended.code, 0);
    assert.equal(ended.stdout, 'alive\n');
    assert.equal(ended.stderr.match(/SIGUSR2/g)?.length, 1);
    assert.match(ended.stderr, /^SIGUSR2\n\n[\s\S]*goroutine 1 server \[IO wait/);
  });

  test('GOPARK_DUMP_SIGNAL does it from outside; a wrong name is told', async () => {
    const code = `process.kill(process.pid, 'SIGUSR2'); await sleep(50); process.exit(0);`;
    const ended = await runWaiting(code, { GOPARK_DUMP_SIGNAL: 'SIGUSR2' });
    assert.equal(ended.code, 0);
    assert.match(ended.stderr, /^SIGUSR2\n\n[\s\S]*goroutine 1 server/);
    const wrong = await runWaiting(`process.exit(0);`, { GOPARK_DUMP_SIGNAL: 'SIGNONSENSE' });
    assert.equal(wrong.code, 0);
    assert.match(wrong.stderr, /GOPARK_DUMP_SIGNAL=SIGNONSENSE: /);
  });

  test('listening to signals keeps no process alive', async () => {
    const ended = await runChild(
      `import { go, runtime } from 'gopark'; runtime.dumpOn('SIGUSR2'); go(() => {});`,
    );
    assert.equal(ended.code, 0);
  });
});
