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
  'docs/io.md#answering': {
    before: `import { Buffer, StringReader } from 'gopark/bytes';
import { Reader, Writer } from 'gopark/bufio';
const answers = new Buffer();
const source = new StringReader('one\\ntwo\\nthr');
const conn = {
  read: (p: Uint8Array) => source.read(p),
  async write(p: Uint8Array) {
    console.log(p.length);
    return answers.write(p);
  },
};
`,
    after: `console.log(JSON.stringify(answers.toString()));
`,
    stdout: '8\n3\n"one\\ntwo\\nthr"\n',
  },
};
