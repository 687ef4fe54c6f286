import assert from 'node:assert/strict';
import { needs } from '../../lib/needs.ts';
import type { Scenario } from '../programs.ts';
import { talk } from './lib.ts';

export const runtime: Record<string, Scenario> = {
  'docs/debugging.md#look': {
    before: `import { go, sleep } from 'gopark';
go(async function session() { await sleep(1); });
await null;
`,
    stdout: /goroutines: 1/,
    stderr: /^goroutine 1 session \[sleep/,
  },
  'docs/serve.md#serve': {
    after: "console.log('serving');\n",
    // Where connections cannot change threads it says so.
    stderr: /^(?:|\(node.*one P instead of.*)$/s,
    drive: async (running) => {
      await running.printed('serving');
      await talk(9000, 'to a P', 'to a P', 'SIGTERM')(running);
    },
  },
  'docs/sync.md#select': {
    before: `import { chan } from 'gopark';
const quotes = chan<number>(16);
const log = chan<string>();
const signal = new AbortController().signal;
quotes.trySend(7);
`,
    after: 'console.log(result);\n',
    stdout: 'quote 7\n',
  },
  'docs/sync.md#shared': { stdout: 'ACME\n' },
  'docs/threads.md#detach': {
    ...needs('leases'),
    drive: async (running) => {
      const peer = await running.connect(9000);
      assert.match(await peer.end(), /^waited \d+ ms\n$/);
      running.kill();
    },
    exit: 'SIGKILL',
  },
};
