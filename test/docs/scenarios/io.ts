import type { Scenario } from '../programs.ts';

export const io: Record<string, Scenario> = {
  'docs/io.md#ping': {
    peers: { 6379: (socket) => socket.once('data', (text) => socket.end(`got ${text}`)) },
    stdout: 'got PING\n',
  },
  'docs/io.md#fastest': {
    before: `import { StringReader } from 'gopark/bytes';
import { Scanner } from 'gopark/bufio';
const scanner = new Scanner(new StringReader('one\\ntwo'));
const handle = (line: Uint8Array) => console.log(line.length);
`,
    stdout: '3\n3\n',
  },
};
