import type { Scenario } from '../programs.ts';
import { answering, talk } from './lib.ts';

export const eventloop: Record<string, Scenario> = {
  'docs/eventloop.md#lines': { drive: talk(9000, 'a\nbc\n', 'a\nbc\n', 'SIGTERM') },
  'docs/eventloop.md#multiplexer': {
    peers: { 6379: answering((line) => (line === 'PING' ? '+PONG\r\n' : `$${line.slice(5)}\r\n`)) },
    after: 'await mux.close();\n',
    stdout: "[ '+PONG', '$hello' ]\n",
  },
  'docs/linkbuffer.md#reader': { peers: { 6379: answering(() => '+PONG\r\n') }, stdout: '7\n' },
  'docs/linkbuffer.md#take-lines': {
    after: `import { LinkBuffer } from 'gopark/linkbuffer';
const buffer = new LinkBuffer();
buffer.writeString('one\\ntwo\\nthr');
await buffer.flush();
takeLines(buffer, (line) => console.log(line));
`,
    stdout: 'one\ntwo\n',
  },
  'examples/http/README.md#server': {
    before: `import { listen } from 'gopark/net';
import { httpLoop } from '#examples/http/server.js';
const answer = async (text: string) => JSON.stringify({ text });
`,
    drive: talk(8080, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi', 'HTTP/1.1 200 OK\r\n'),
    exit: 'SIGKILL',
  },
};
