// HTTP/1.1 for load generators: GET /plaintext, GET /json, POST /echo.
//
//     node build/examples/http/main.js --port 8080
import { parseArgs } from 'node:util';
import { listen } from 'gopark/net';
import type { Request } from './request.ts';
import type { Response } from './response.ts';
import { httpLoop } from './server.ts';

function answer(request: Request): Response {
  switch (request.url) {
    case '/plaintext':
      return { body: 'Hello, World!' };
    case '/json':
      return { type: 'application/json', body: JSON.stringify({ message: 'Hello, World!' }) };
    case '/echo':
      if (request.method !== 'POST') return { status: 405, headers: { Allow: 'POST' } };
      return { type: request.header('content-type') ?? 'application/octet-stream', body: request.body };
    default:
      return { status: 404, body: 'Not Found\n' };
  }
}

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, bind: { type: 'string', default: '127.0.0.1' } },
});
const listener = await listen('tcp', `${values.bind}:${values.port}`);
const loop = httpLoop(answer);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    loop.shutdown({ timeout: 2000 });
  });
}
console.log(`ready on ${listener.addr}`);
await loop.serve(listener);
