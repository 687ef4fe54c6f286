import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { ArgumentTypeError } from '../io/index.ts';
import { stack } from '../runtime/dump.ts';
import type { ServerStats } from '../serve/index.ts';
import { dump } from './dump.ts';
import { type Metric, metrics, processMetrics } from './metrics.ts';
import { page, pagePolicy, pageScript, pageStyle } from './page.ts';
import { prometheusContentType, prometheusText } from './prometheus.ts';
import { serverMetrics } from './server-metrics.ts';
import { snapshot } from './snapshot.ts';
import { sockets } from './sockets.ts';

/**
 * What the debug page tells beside gopark's own numbers, and whom.
 *
 * @example
 * ```ts
 * import { type DebugOptions, startDebugServer } from 'gopark/debug';
 *
 * const options: DebugOptions = { hosts: ['debug.internal'] };
 * await startDebugServer('127.0.0.1:6060', options);
 * ```
 */
export interface DebugOptions {
  /** More metrics, of the program itself: asked for at each scrape. */
  metrics?: () => Iterable<Metric>;
  /** Whose Ps are shown, too: what `serve` has given. */
  server?: { stats(): ServerStats };
  /**
   * Names by which the page may be asked for over a loopback address, beside `localhost` and addresses. All others are
   * refused there, or any page in a browser of this machine could read this one (DNS rebinding).
   */
  hosts?: readonly string[];
}

/**
 * Answers a request, as `node:http` wants it: see `debugHandler`.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { type DebugHandler, debugHandler } from 'gopark/debug';
 *
 * const handler: DebugHandler = debugHandler();
 * createServer(handler).listen(6060, '127.0.0.1');
 * ```
 */
export type DebugHandler = (request: IncomingMessage, response: ServerResponse) => void;

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

interface Answer {
  readonly type: string;
  readonly body: string;
}

function json(value: unknown): Answer {
  return { type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

function answers(options: DebugOptions): Record<string, () => Answer> {
  const { server } = options;
  return {
    '/': () => ({ type: 'text/html; charset=utf-8', body: page }),
    '/page.css': () => ({ type: 'text/css; charset=utf-8', body: pageStyle }),
    '/page.js': () => ({ type: 'text/javascript; charset=utf-8', body: pageScript }),
    '/stack': () => ({ type: TEXT, body: stack() }),
    '/dump': () => json(dump()),
    '/sockets': () => json(sockets()),
    '/stats': () => json({ ...snapshot(), memory: process.memoryUsage(), server: server?.stats() ?? null }),
    '/metrics': () => {
      const ofPs = server === undefined ? [] : serverMetrics(server.stats());
      const all = [...metrics(), ...processMetrics(), ...ofPs, ...(options.metrics?.() ?? [])];
      return { type: prometheusContentType, body: prometheusText(all) };
    },
  };
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:127\.|::1$|::ffff:127\.)/.test(address);
}

/** Whether who asks by this name may be answered: see `DebugOptions.hosts`. */
function isKnown({ headers, socket }: IncomingMessage, hosts: readonly string[]): boolean {
  if (!isLoopback(socket.localAddress)) return true;
  const name = (headers.host ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return name === '' || name === 'localhost' || isIP(name) !== 0 || hosts.includes(name);
}

/**
 * A handler for a server of `node:http` that shows what goes on in this thread: `/` is a live page, `/stack` the dump as
 * text, `/dump` as JSON, `/sockets` what is open, `/stats` the numbers, `/metrics` the same for Prometheus. It only
 * reads, but it tells peers' addresses and parts of the source: it is for an address that only you can reach.
 *
 * On Node's own server, and not on gopark's connections: so it shows what goes on without being a part of it. Where it
 * is a part of a larger server, hand it requests whose `url` begins behind its own place, and let that end with `/`.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { debugHandler } from 'gopark/debug';
 *
 * const debug = debugHandler({
 *   metrics: () => [{ name: 'orders', kind: 'counter', help: 'Orders so far.', samples: [{ value: 17 }] }],
 * });
 * createServer((request, response) => debug(request, response)).listen(6060, '127.0.0.1');
 * ```
 */
export function debugHandler(options: DebugOptions = {}): DebugHandler {
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentTypeError('options', 'an object', options);
  }
  const routes = answers(options);
  const hosts = (options.hosts ?? []).map((name) => name.toLowerCase());
  return (request, response) => {
    const end = (status: number, { type, body }: Answer, headers: Record<string, string> = {}) => {
      const common = {
        'Content-Type': type,
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      };
      const length = String(Buffer.byteLength(body));
      response.writeHead(status, { ...common, 'Content-Length': length, ...headers });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const path = (request.url ?? '').split('?', 1)[0]!;
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (!isKnown(request, hosts)) {
      end(403, { type: TEXT, body: 'not by this name: see the option hosts of gopark/debug\n' });
    } else if (route === undefined) {
      end(404, { type: TEXT, body: `there are ${Object.keys(routes).join(' ')}\n` });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      end(405, { type: TEXT, body: 'GET is what there is\n' }, { Allow: 'GET, HEAD' });
    } else {
      let answer: Answer;
      try {
        answer = route();
      } catch (error) {
        // Of the program's own metrics: whoever asks shall see it, and the program goes on.
        end(500, { type: TEXT, body: `${error instanceof Error ? error.stack : String(error)}\n` });
        return;
      }
      end(200, answer, path === '/' ? { 'Content-Security-Policy': pagePolicy } : {});
    }
  };
}
