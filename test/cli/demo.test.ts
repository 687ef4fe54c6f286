import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runGateway } from './lib/gateway-process.ts';

describe('gateway --demo', { timeout: 60_000 }, () => {
  test('a live line a second, a final table, exit 0', async () => {
    const args = ['--demo', '--connections', '50', '--seconds', '2', '--rate', '500'];
    const { code, stdout, stderr } = await runGateway(args);
    assert.equal(stderr, '');
    assert.equal(code, 0, stdout);
    assert.match(
      stdout,
      /conns +ticks\/s +orders\/s +ack p50 +ack p99 +RSS MiB +threads +stall ms\n( +50 .*\n)+/,
    );
    const sent = Number(/orders +(\d+) sent/.exec(stdout)?.[1]);
    assert.ok(sent > 0);
    assert.match(stdout, RegExp(`orders +${sent} sent, ${sent} acknowledged, 0 lost`));
  });

  test('more connections than descriptors: said before anything starts', async () => {
    const { code, stdout, stderr } = await runGateway(['--demo', '--connections', '100000000']);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /100000004 connections need \d+ file descriptors.*\n.*ulimit -n/);
  });

  test('a gateway that refuses makes it fail, with the reason', async () => {
    const args = ['--demo', '--connections', '20', '--seconds', '1', '--max-subscriptions', '1'];
    const { code, stderr } = await runGateway(args);
    assert.equal(code, 1);
    assert.match(stderr, /errors, the first: ERR too many subscriptions/);
  });
});
