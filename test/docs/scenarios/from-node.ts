import assert from 'node:assert/strict';
import { type ConnectionOptions, TLSSocket } from 'node:tls';
import type { Running, Scenario } from '../programs.ts';
import { talk } from './lib.ts';

/** Without certificates: both sides know a key. */
const key = '00112233445566778899aabbccddeeff';
const psk: ConnectionOptions = { ciphers: 'PSK', maxVersion: 'TLSv1.2' };

/** Takes all that comes until the server ends. */
async function download(running: Running): Promise<void> {
  const peer = await running.connect(9005);
  const all = await peer.all();
  assert.equal(all.length, 100 * 65_536);
  assert.match(all, /^x+$/);
  running.kill();
}

const killed = { exit: 'SIGKILL' };

export const fromNode: Record<string, Scenario> = {
  'docs/from-node.md#node-server': { drive: talk(9000, 'abc', 'abc'), ...killed },
  'docs/from-node.md#server': { drive: talk(9000, 'abc', 'abc'), ...killed },
  'docs/from-node.md#node-client': { peers: { 9001: (socket) => socket.pipe(socket) }, stdout: 'hello\n' },
  'docs/from-node.md#client': { peers: { 9001: (socket) => socket.pipe(socket) }, stdout: 'hello\n' },
  'docs/from-node.md#node-lines': { drive: talk(9002, 'one\ntw', 'ONE\n'), ...killed },
  'docs/from-node.md#lines': { drive: talk(9002, 'one\ntw', 'ONE\n'), ...killed },
  'docs/from-node.md#frames': { drive: talk(9003, '\0\0\0\x02ab\0\0', '\0\0\0\x02ab'), ...killed },
  'docs/from-node.md#timeouts': {
    replace: { 'setReadTimeout(5000)': 'setReadTimeout(2500)' },
    drive: talk(9004, 'on time\n', 'on time\ntoo slow\n'),
    ...killed,
  },
  'docs/from-node.md#node-backpressure': { drive: download, ...killed },
  'docs/from-node.md#backpressure': { drive: download, ...killed },
  'docs/from-node.md#errors': { stdout: /^dial 127\..*:9006\n$/ },
  'docs/from-node.md#shutdown': {
    drive: async (running) => {
      const idle = await running.connect(9007);
      idle.send('a');
      assert.equal(await idle.receive('a'), 'a');
      running.kill('SIGTERM');
      await running.printed('1 cut off');
    },
    stdout: '1 cut off\n',
    stderr: /^gopark: goroutine .* ended: ClosedError: .*\n$/,
  },
  'docs/from-node.md#tls': {
    before: `import type { PSKCallbackNegotation } from 'node:tls';
const known: PSKCallbackNegotation = { psk: Buffer.from('${key}', 'hex'), identity: 'me' };
`,
    replace: {
      'example.com:443': 'ADDRESS:8443',
      "servername: 'example.com'":
        "ciphers: 'PSK', maxVersion: 'TLSv1.2', checkServerIdentity: () => undefined, pskCallback: () => known",
    },
    peers: {
      8443: (socket) => {
        const secure = new TLSSocket(socket, {
          isServer: true,
          ...psk,
          pskCallback: () => Buffer.from(key, 'hex'),
        } as object);
        secure.on('error', () => {});
        secure.pipe(secure);
      },
    },
    stdout: 'ping\n\n',
  },
  'docs/from-node.md#http': {
    async drive(running) {
      const peer = await running.connect(9010);
      peer.send('GET / HTTP/1.0\r\n\r\n');
      assert.match(await peer.all(), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhello\n$/s);
      running.kill();
    },
    ...killed,
  },
};
