import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Scenario } from '../programs.ts';
import { talk } from './lib.ts';

export const net: Record<string, Scenario> = {
  'README.md#idea': {
    before: `import { go } from 'gopark';
import { listen } from 'gopark/net';
const listener = await listen('tcp', '127.0.0.1:9000');
go(() => listener.serve(async (conn) => {
  const p = new Uint8Array(8);
`,
    after: `  console.log(n, new TextDecoder().decode(p));
  await listener.close();
}));
`,
    drive: async (running) => {
      const peer = await running.connect(9000);
      peer.send('12345678');
      assert.equal(await peer.receive('12345678'), '12345678');
      peer.socket.end();
    },
    stdout: '8 12345678\n',
  },
  'README.md#twenty-lines': { stdout: 'hello, park\n' },
  'docs/dialing.md#dial': {
    before: 'const signal = new AbortController().signal;\n',
    replace: { 'example.com:443': 'ADDRESS:8443', 'example.com:https': 'ADDRESS:8443' },
    peers: { 8443: (socket) => socket.resume() },
  },
  'docs/servers.md#graceful': {
    drive: async (running) => {
      const idle = await running.connect(9000);
      idle.send('idle\n');
      assert.equal(await idle.receive('idle\n'), 'idle\n');
      await talk(9000, 'one\n', 'one\n', 'SIGTERM')(running);
      assert.equal(await idle.end(), '');
    },
  },
  'docs/servers.md#proxy-protocol': {
    replace: { "'10.0.0.0/8'": "'127.0.0.0/8'" },
    drive: async (running) => {
      const peer = await running.connect(9000);
      peer.send('PROXY TCP4 192.0.2.7 192.0.2.1 5555 443\r\n');
      await running.printed('192.0.2.7:5555');
      running.kill();
    },
    exit: 'SIGKILL',
    stdout: 'client 192.0.2.7:5555\n',
  },
  'docs/udp.md#batch': {
    before: 'const handle = (data: Uint8Array, addr: unknown) => console.log(data.length, addr !== null);\n',
    after: '',
    drive: async (running) => {
      const sender = createSocket('udp4');
      // A datagram that comes before anybody listens is lost: again until one has arrived.
      const again = setInterval(() => sender.send('abc', 8125, running.address), 20);
      try {
        await running.printed('3 true');
      } finally {
        clearInterval(again);
        sender.close();
        running.kill();
      }
    },
    exit: 'SIGKILL',
  },
  'docs/unix-sockets.md#activated': {
    before: `import type { Conn } from 'gopark/net';
const handle = async (conn: Conn) => { await conn.write(new TextEncoder().encode('here')); };
`,
    drive: talk(8080, '', 'here'),
    exit: 'SIGKILL',
  },
};
