import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runChild } from '../lib/child.ts';
import { LineClient } from './lib/line-client.ts';

/** The line of the fixture's source that contains `text`. */
function lineOf(text: string): number {
  const path = fileURLToPath(new URL('../../../test/cli/fixtures/hanging-gateway.ts', import.meta.url));
  return (
    readFileSync(path, 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1
  );
}

test('a gateway that takes a lock twice: the dump of SIGQUIT names both places, and who waits there', async () => {
  const clients: LineClient[] = [];
  const feed = async (port: number, line: string) => {
    const client = await LineClient.connect(port);
    clients.push(client);
    client.send(line);
  };
  let port = 0;
  let pid = 0;
  const ended = await runChild(`import './build/test/cli/fixtures/hanging-gateway.js';`, {
    onLine(line) {
      const [word, first, second] = line.split(' ');
      if (word === 'listening') {
        [port, pid] = [Number(first), Number(second)];
        void feed(port, 'FEED HALT 1');
      } else if (word === 'revaluing') {
        void feed(port, 'FEED ACME 101.5');
      } else if (first === 'ACME') {
        process.kill(pid, 'SIGQUIT');
      }
    },
  });
  for (const client of clients) await client.close();
  assert.equal(ended.code, 2, ended.stderr);
  assert.match(ended.stderr, /^SIGQUIT: quit\n\n/);
  const waits = ended.stderr.split('\n\n').filter((paragraph) => paragraph.includes('[sync.Mutex.Lock, '));
  assert.equal(waits.length, 2, ended.stderr);
  const twice = waits.find((wait) => wait.includes('revalue'))!;
  const behind = waits.find((wait) => !wait.includes('revalue'))!;
  for (const wait of [twice, behind]) {
    assert.match(wait, /^goroutine \d+ .*, created at src\/cli\/gateway\/session\.ts:\d+:\d+/);
    assert.match(wait, /\n\tat catchUp \(src\/cli\/gateway\/session\.ts:\d+:\d+\)/);
  }
  const place = (text: string) => `hanging-gateway.ts:${lineOf(text)}:`;
  assert.ok(twice.includes(`\n\tat revalue (test/cli/fixtures/${place('taken again')}`), twice);
  assert.ok(twice.includes(`\n\tat checkRisk (test/cli/fixtures/${place('await revalue()')}`), twice);
  assert.ok(behind.includes(`\n\tat checkRisk (test/cli/fixtures/${place('everybody else waits')}`), behind);
});
