// The dialogue with nc on docs/gateway.md, line by line with a gateway.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { root } from './docstrings.ts';
import { blocksOf } from './markdown.ts';

/** What a client says; all other lines are the gateway's. */
const SAID = /^(?:SUB|UNSUB|ORD|FEED|PING|STATS)\b/;

test('the gateway answers as docs/gateway.md says', { timeout: 20_000 }, async () => {
  const block = blocksOf('docs/gateway.md').find(({ language }) => language === 'console')!;
  const [command, ...lines] = block.code.trimEnd().split('\n');
  assert.equal(command, '$ nc 127.0.0.1 9000');
  const args = ['gateway', '--listen', '127.0.0.1:0'];
  const gateway = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [first] = await once(createInterface({ input: gateway.stdout }), 'line');
    const socket = connect(Number(/:(\d+)$/.exec(first)![1]), '127.0.0.1');
    const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
    let asked = 0;
    for (const line of lines) {
      if (SAID.test(line)) {
        socket.write(`${line}\n`);
        asked += 1;
        continue;
      }
      // The time of a tick is the clock's.
      const got = String((await answers.next()).value).replace(/\d{13}$/, '0'.repeat(13));
      assert.equal(got, line.replace(/\d{13}$/, '0'.repeat(13)));
    }
    assert.equal(asked, 3);
    socket.destroy();
  } finally {
    gateway.kill();
    await once(gateway, 'exit');
  }
});
