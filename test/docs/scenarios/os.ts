import assert from 'node:assert/strict';
import { whyNoFileRing } from '#dist/os/ring/ring-lane.js';
import { needsNative } from '../../lib/needs.ts';
import type { Scenario } from '../programs.ts';
import { collecting, talk } from './lib.ts';

const page = collecting();
const piped = collecting();
const sorted = collecting();

export const os: Record<string, Scenario> = {
  'docs/files.md#open': {
    after: `import { readFile } from 'gopark/os';
console.log(new TextDecoder().decode(await readFile('app.log')));
`,
    stdout: 'started\n\n',
  },
  'docs/files.md#send': {
    files: { 'index.html': '<p>here</p>' },
    peers: { 8080: page.peer },
    drive: async () => assert.equal(await page.text, '<p>here</p>'),
  },
  'docs/files.md#ring': {
    ...(whyNoFileRing() === null
      ? { stdout: 'uring\n' }
      : {
          stdout: 'threads\n',
          stderr: /^gopark: file operations run on Node's threads, not through io_uring: .+\n$/,
        }),
  },
  'docs/files.md#async-writer': {
    before: `const line = new TextEncoder().encode('line\\n');
const record = new TextEncoder().encode('record\\n');
`,
    after: `await Promise.all([log.close(), journal.close()]);
import { readFile } from 'gopark/os';
for (const name of ['app.log', 'journal']) process.stdout.write(await readFile(name));
`,
    stdout: 'line\nrecord\n',
  },
  'docs/files.md#close-on-signal': {
    before: `import { AsyncWriter, open } from 'gopark/os';
const log = new AsyncWriter(await open('app.log', 'a'), { whenFull: 'drop', sync: 1000 });
setInterval(() => {}, 1000);
`,
    after: "console.log('ready');\n",
    drive: async (running) => {
      await running.printed('ready');
      running.kill('SIGTERM');
    },
    exit: 'SIGTERM',
  },
  'docs/files.md#pipe': {
    files: { words: 'pipe\nchild\n' },
    peers: { 7000: sorted.peer },
    drive: async () => assert.equal(await sorted.text, 'child\npipe\n'),
    ...needsNative(),
  },
  'docs/zero-copy.md#stdin': {
    peers: { 7000: piped.peer },
    drive: async (running) => {
      running.stdin.end('all of it');
      assert.equal(await piped.text, 'all of it');
    },
  },
  'docs/zero-copy.md#proxy': {
    peers: { 'service.sock': (socket) => socket.pipe(socket) },
    drive: talk(7000, 'there and back', 'there and back'),
    exit: 'SIGKILL',
  },
};
