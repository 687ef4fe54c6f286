import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request as nodeRequest, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { listen } from 'gopark/net';
import { limits } from '#examples/http/limits.js';
import type { Request } from '#examples/http/request.js';
import { httpLoop } from '#examples/http/server.js';
import type { Handler } from '#examples/http/session.js';

async function serve(t: TestContext, handler: Handler): Promise<number> {
  const listener = await listen('tcp', '127.0.0.1:0');
  const loop = httpLoop(handler);
  const serving = loop.serve(listener);
  t.after(async () => {
    await loop.shutdown({ timeout: 0 });
    await serving;
  });
  return (listener.addr as { port: number }).port;
}

/** What it was asked. */
function describe(request: Request): { body: string; headers: Record<string, string> } {
  const { method, url, headers, bodyLength } = request;
  const shown = headers.filter(([name]) => name.startsWith('x-'));
  return {
    body: JSON.stringify([method, url, shown, request.text, bodyLength]),
    headers: { 'X-Seen': 'yes' },
  };
}

/** Sends these pieces, one after the other has gone, and gives all that comes until the server ends the connection. */
async function talk(port: number, pieces: readonly (string | Buffer)[], ends = true): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  // A refusal may come as a reset behind it.
  socket.on('error', () => {});
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  const closed = once(socket, 'close');
  for (const piece of pieces) {
    await new Promise((resolve) => {
      socket.write(piece, 'latin1', resolve);
    });
  }
  if (ends) socket.end();
  await closed;
  return text;
}

async function ask(port: number, options: RequestOptions, body = ''): Promise<[IncomingMessage, string]> {
  const request = nodeRequest({ port, host: '127.0.0.1', ...options });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return [response, text];
}

/** Bodies of responses that follow each other. */
function bodies(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n\r\n', at) + 4;
    const length = Number(/\r\nContent-Length: (\d+)\r\n/.exec(text.slice(at, end))![1]);
    found.push(text.slice(end, end + length));
    at = end + length;
  }
  return found;
}

test('node:http as a client: bodies of both kinds, on one connection', async (t) => {
  const port = await serve(t, describe);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const headers = { 'x-one': 'a', 'x-two': 'b, c' };
  const [first, text] = await ask(port, { agent, path: '/a?b=c', headers });
  assert.equal(first.statusCode, 200);
  assert.equal(first.headers['x-seen'], 'yes');
  assert.ok(Math.abs(Date.parse(first.headers.date!) - Date.now()) < 5000);
  assert.deepEqual(JSON.parse(text), ['GET', '/a?b=c', Object.entries(headers), '', 0]);
  const body = 'ä'.repeat(100_000);
  const length = { 'content-length': Buffer.byteLength(body) };
  const [, whole] = await ask(port, { agent, method: 'POST', path: '/', headers: length }, body);
  assert.deepEqual(JSON.parse(whole), ['POST', '/', [], body, 200_000]);
  const chunked = { 'transfer-encoding': 'chunked' };
  const [, inChunks] = await ask(port, { agent, method: 'PUT', path: '/', headers: chunked }, body);
  assert.deepEqual(JSON.parse(inChunks), ['PUT', '/', [], body, 200_000]);
  const [head, nothing] = await ask(port, { agent, method: 'HEAD', path: '/' });
  assert.deepEqual([head.headers['content-length'], nothing], ['20', '']);
});

test('requests, cut anywhere, are the same requests', async (t) => {
  const port = await serve(t, describe);
  const token = fc.stringMatching(/^[a-z0-9]{1,12}$/);
  const header = fc.tuple(token, fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/));
  const one = fc.record({
    path: token,
    headers: fc.array(header, { maxLength: 5 }),
    body: fc.string({ unit: 'grapheme-ascii', maxLength: 300 }),
    chunked: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(one, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(4000), { maxLength: 12 }),
      async (requests, cuts) => {
        const sent = requests
          .map(({ path, headers, body, chunked }) => {
            const lines = headers.map(([name, value]) => `x-${name}: ${value}\r\n`).join('');
            const size = body.length.toString(16);
            const framed = body === '' ? '0\r\n\r\n' : `${size}\r\n${body}\r\n0\r\nx-trailer: 1\r\n\r\n`;
            const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
            return `POST /${path} HTTP/1.1\r\nHost: a\r\n${lines}${framing}\r\n\r\n${chunked ? framed : body}`;
          })
          .join('');
        const ends = [...new Set([...cuts.map((cut) => cut % sent.length), sent.length])].sort(
          (a, b) => a - b,
        );
        const pieces = ends.map((end, i) => sent.slice(i === 0 ? 0 : ends[i - 1], end));
        const expected = requests.map(({ path, headers, body }) =>
          JSON.stringify([
            'POST',
            `/${path}`,
            headers.map(([name, value]) => [`x-${name}`, value]),
            body,
            body.length,
          ]),
        );
        assert.deepEqual(bodies(await talk(port, pieces)), expected);
      },
    ),
    { numRuns: 40 },
  );
});

test('10,000 requests in one piece are answered in their order', async (t) => {
  const port = await serve(t, ({ url }) => ({ body: url }));
  const urls = Array.from({ length: 10_000 }, (_, i) => `/${i}`);
  const sent = urls.map((url) => `GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
  assert.deepEqual(bodies(await talk(port, [sent])), urls);
});

test('handlers that wait, throw and reject: answers in order, the connection goes on', async (t) => {
  const port = await serve(t, ({ url }) => {
    if (url === '/throw') throw new TypeError('thrown on purpose');
    if (url === '/reject') return Promise.reject(new TypeError('rejected on purpose'));
    if (url === '/wait') return new Promise((resolve) => setTimeout(() => resolve({ body: url }), 20));
    return { body: url };
  });
  const silent = t.mock.method(console, 'error', () => {});
  const sent = ['/wait', '/a', '/throw', '/reject', '/wait', '/b'].map(
    (url) => `GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  const failure = 'Internal Server Error\n';
  assert.deepEqual(bodies(await talk(port, [sent.join('')])), [
    '/wait',
    '/a',
    failure,
    failure,
    '/wait',
    '/b',
  ]);
  assert.equal(silent.mock.callCount(), 2);
});

test('who wants the connection to be closed is obeyed', async (t) => {
  const port = await serve(t, ({ url }) => ({ body: url }));
  for (const first of [
    'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'GET /a HTTP/1.0\r\n\r\n',
  ]) {
    const text = await talk(port, [`${first}GET /b HTTP/1.1\r\nHost: a\r\n\r\n`], false);
    assert.match(text, /\r\nConnection: close\r\n/);
    assert.deepEqual(bodies(text), ['/a']);
  }
  const kept = await talk(port, ['GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n']);
  assert.match(kept, /\r\nConnection: keep-alive\r\n/);
});

test('a client that waits to be told to go on is told', async (t) => {
  const port = await serve(t, (request) => ({ body: request.text }));
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n';
  const text = await talk(port, [head, 'ok']);
  assert.ok(text.startsWith('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n'), text);
});

const head = 'POST / HTTP/1.1\r\nHost: a\r\n';
const big = 'x'.repeat(limits.head + 10);
const refused: readonly [what: string, pieces: string[], status: number][] = [
  ['no HTTP', ['hello there\r\n\r\n'], 400],
  ['a header without a name', [`${head}: x\r\n\r\n`], 400],
  ['a value of two lines', [`${head}x-a: b\r\n c\r\n\r\n`], 400],
  ['no host', ['GET / HTTP/1.1\r\n\r\n'], 400],
  ['two lengths', [`${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`], 400],
  ['a length and chunks', [`${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`], 400],
  ['a length that is no number', [`${head}Content-Length: -1\r\n\r\n`], 400],
  ['a line end of another kind', ['GET / HTTP/1.1\nHost: a\n\n'], 400],
  ['a long header', [`${head}x-a: ${big}\r\n\r\n`], 431],
  ['a long header that does not end', [`${head}x-a: `, big], 431],
  ['a long address', [`GET /${big}`, ' HTTP/1.1\r\nHost: a\r\n\r\n'], 431],
  ['many headers', [`${head}${'x-a: b\r\n'.repeat(limits.headers)}\r\n`], 431],
  ['a large body', [`${head}Content-Length: ${limits.body + 1}\r\n\r\n`], 413],
  [
    'a large chunk',
    [`${head}Transfer-Encoding: chunked\r\n\r\n200000\r\n`, 'x'.repeat(limits.body + 1)],
    413,
  ],
];
for (const [what, pieces, status] of refused) {
  test(`refused, and nothing behind it is read: ${what}`, async (t) => {
    let asked = 0;
    const port = await serve(t, () => {
      asked++;
      return {};
    });
    const text = await talk(port, [...pieces, 'GET /secret HTTP/1.1\r\nHost: a\r\n\r\n'], false);
    assert.equal(/^HTTP\/1\.1 (\d+) /.exec(text)?.[1], String(status), text);
    assert.match(text, /\r\nConnection: close\r\n/);
    assert.equal(asked, 0);
  });
}

test('whatever is sent, the server goes on', async (t) => {
  const port = await serve(t, describe);
  const words = fc.constantFrom(
    'GET ',
    '/ ',
    'HTTP/1.1',
    '\r\n',
    '\r\n\r\n',
    'Host: a',
    ': ',
    '\0',
    '\x80',
    'chunked',
    '0',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(words, { maxLength: 30 }), async (parts) => {
      await talk(port, [parts.join('')]);
    }),
    { numRuns: 60 },
  );
  assert.equal((await ask(port, { path: '/' }))[0].statusCode, 200);
});

test('a request that takes too long is given up', async (t) => {
  const port = await serve(t, describe);
  const { requestTime } = limits;
  limits.requestTime = 1;
  t.after(() => {
    limits.requestTime = requestTime;
  });
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  let sent = 0;
  const timer = setInterval(() => socket.write(sent++ === 0 ? 'GET /' : 'a'), 5);
  await closed;
  clearInterval(timer);
  assert.match(text, /^HTTP\/1\.1 408 /);
});
