import { metrics, processMetrics, prometheusContentType, prometheusText } from '../../debug/index.ts';
import { IOError, writeString } from '../../io/index.ts';
import { type Serving, type StreamConn, startServing } from '../../net/index.ts';
import { type Endpoint, listenEndpoint } from './address.ts';
import { metricsOf } from './metrics.ts';
import type { Report } from './report.ts';

/** How long a question may take, in milliseconds, and how many bytes. */
const PATIENCE = 5000;
const LONGEST_QUESTION = 8192;
/** Who asks more at a time waits. */
const MOST_QUESTIONS = 16;

/** The method and path of an HTTP request, whose headers are read and say nothing to us; null where it is none. */
async function readRequest(conn: StreamConn): Promise<{ method: string; path: string } | null> {
  const buffer = new Uint8Array(LONGEST_QUESTION);
  for (let length = 0; length < buffer.length; ) {
    const n = await conn.read(buffer.subarray(length));
    if (n === null) return null;
    length += n;
    const text = Buffer.from(buffer.buffer, 0, length).toString('latin1');
    if (!/\r?\n\r?\n/.test(text)) continue;
    const [, method = '', path = ''] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r?\n/.exec(text) ?? [];
    return method === '' ? null : { method, path };
  }
  return null;
}

function response(status: string, body: string, withBody: boolean, type = 'application/json'): string {
  const head = [
    `HTTP/1.1 ${status}`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${withBody ? body : ''}`;
}

/** Answers GET / with what `report` says, /metrics with the same for Prometheus; one request for each connection. */
export async function startAdmin(at: Endpoint, report: () => Promise<Report>): Promise<Serving<StreamConn>> {
  const listener = await listenEndpoint(at, MOST_QUESTIONS);
  return startServing(listener, async (conn) => {
    try {
      conn.setTimeout(PATIENCE);
      const request = await readRequest(conn);
      const json = (value: unknown) => `${JSON.stringify(value)}\n`;
      if (request === null) await writeString(conn, response('400 Bad Request', json('no request'), true));
      else if (request.method !== 'GET' && request.method !== 'HEAD') {
        await writeString(conn, response('405 Method Not Allowed', json('GET is what there is'), true));
      } else if (request.path === '/metrics') {
        const text = prometheusText([...metricsOf(await report()), ...metrics(), ...processMetrics()]);
        await writeString(conn, response('200 OK', text, request.method === 'GET', prometheusContentType));
      } else if (request.path !== '/') {
        const known = json('there are / and /metrics');
        await writeString(conn, response('404 Not Found', known, request.method === 'GET'));
      } else {
        await writeString(conn, response('200 OK', json(await report()), request.method === 'GET'));
      }
    } catch (error) {
      // Who asked has gone, or is too slow.
      if (!(error instanceof IOError)) throw error;
    }
  });
}
