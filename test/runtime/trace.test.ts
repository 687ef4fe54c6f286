import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChild } from '../lib/child.ts';

const program = `
  import { go, gosched, sleep, stack } from 'gopark';
  import { listen } from 'gopark/net';
  const listener = await listen('tcp', '127.0.0.1:0');
  function launch() {
    go(async function behindCallback() {
      await gosched();
      await new Promise((resolve) => listener.accept().then(() => setImmediate(resolve)));
    });
    go(async function napper() {
      await gosched();
      await new Promise((resolve) => sleep(1e6).then(() => setImmediate(resolve)));
    });
  }
  launch();
  // Turns, not time: on a busy machine no turn may pass in that.
  for (let turn = 0; turn < 10; turn++) await gosched();
  console.log(stack());
  process.exit(0);`;

describe('GOPARK_TRACE=1', () => {
  test('waits behind callbacks belong to their goroutine, with the stack that created it', async () => {
    const { stdout } = await runChild(program, { env: { GOPARK_TRACE: '1' } });
    assert.match(
      stdout,
      /^goroutine 1 behindCallback \[IO wait, .*\]: accept tcp .*\n(\t.*\n)*\tcreated at launch \(/m,
    );
    assert.match(stdout, /^goroutine 2 napper \[sleep, .*\n(\t.*\n)*\tcreated at launch \(/m);
  });

  test('without it they are question marks', async () => {
    const { stdout } = await runChild(program);
    assert.match(stdout, /^goroutine \? \[IO wait, /m);
    assert.match(stdout, /^goroutine \? \[sleep, /m);
    assert.ok(!stdout.includes('created at launch'));
  });
});
