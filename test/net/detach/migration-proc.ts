// A thread that echoes connections in either model, and gives each away after a while.
import { parentPort, workerData } from 'node:worker_threads';
import { type Connection, EventLoop } from 'gopark/eventloop';
import { adopt, type Detached, DetachedError, OpError } from 'gopark/net';
import { go } from 'gopark/runtime';

export type Model = 'goroutines' | 'callbacks' | 'mixed';

/** What travels with a connection. */
export interface Travelling {
  readonly id: number;
  /** How often it is still to move. */
  left: number;
  /** What was read, and not written any more. */
  rest: Uint8Array | null;
}

export type Told =
  | { readonly kind: 'up' }
  | { readonly kind: 'moved'; readonly detached: Detached<Travelling> }
  | { readonly kind: 'closed'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly why: string };

const port = parentPort!;
const { model } = workerData as { model: Model };
const tell = (told: Told) => port.postMessage(told);
const below = (n: number) => Math.floor(Math.random() * n);

function failed(id: number, error: unknown): void {
  tell({ kind: 'failed', id, why: error instanceof Error ? String(error.stack) : String(error) });
}

// Goroutines: given away at any await point, by somebody else, after a time or so many bytes.

async function echo(detached: Detached<Travelling>): Promise<void> {
  const { id, left, rest: first } = detached.state;
  const conn = adopt(detached);
  const state: Travelling = { id, left: left - 1, rest: null };
  let leaving: Promise<Detached<Travelling>> | null = null;
  const leave = () => {
    leaving ??= conn.detach(state);
    leaving.catch(() => {});
  };
  const byTime = below(2) === 0;
  const most = left === 0 ? Number.POSITIVE_INFINITY : 1 + below(4000);
  const timer = left > 0 && byTime ? setTimeout(leave, below(4)) : undefined;
  const p = new Uint8Array(1 + below(8000));
  let from: Uint8Array = p;
  let [at, to] = [0, 0];
  if (first !== null) [from, to] = [first, first.length];
  try {
    for (let seen = 0; ; ) {
      if (at < to) {
        const size = to - at;
        await conn.write(from.subarray(at, to));
        at = to;
        seen += size;
      }
      // In the middle of what it does: whoever calls must not find a part of a read.
      if (!byTime && seen >= most) leave();
      const n = await conn.read(p);
      if (n === null) break;
      [from, at, to] = [p, 0, n];
    }
    clearTimeout(timer);
    await conn.close();
    tell({ kind: 'closed', id });
  } catch (error) {
    clearTimeout(timer);
    if (!(error instanceof DetachedError) || leaving === null) throw error;
    const given: Detached<Travelling> = await leaving;
    at += error.bytesWritten ?? 0;
    if (at < to) given.state.rest = from.slice(at, to);
    tell({ kind: 'moved', detached: given });
  }
}

// The event loop: given away between two requests.

interface Context {
  readonly id: number;
  readonly left: number;
  /** So many more bytes, and it goes. */
  until: number;
}

async function leave(conn: Connection): Promise<void> {
  const context = conn.context as Context;
  if (!conn.isActive) return;
  try {
    const state: Travelling = { id: context.id, left: context.left - 1, rest: null };
    tell({ kind: 'moved', detached: await conn.detach(state) });
  } catch (error) {
    if (!(error instanceof OpError)) throw error;
    if (error.code === 'ERR_BUSY') context.until = 1;
    else if (error.code !== 'ERR_CLOSED') failed(context.id, error);
  }
}

let arriving: Travelling | null = null;

const loop = new EventLoop({
  onPrepare(conn) {
    const { id, left, rest } = arriving!;
    const until = left === 0 ? Number.POSITIVE_INFINITY : 1 + below(4000);
    conn.context = { id, left, until } satisfies Context;
    conn.addCloseCallback(() =>
      conn.reason === null ? tell({ kind: 'closed', id }) : failed(id, conn.reason),
    );
    if (rest === null) return;
    conn.writer.writeBinary(rest);
  },
  onRequest(conn) {
    const context = conn.context as Context;
    context.until -= conn.len;
    conn.moveTo(conn);
    void conn.writer.flush();
    if (context.until > 0) return;
    context.until = Number.POSITIVE_INFINITY;
    setImmediate(() => void leave(conn));
  },
});

port.on('message', (detached: Detached<Travelling> | 'end') => {
  if (detached === 'end') {
    port.close();
    return;
  }
  const { id } = detached.state;
  const byCallbacks = model === 'callbacks' || (model === 'mixed' && below(2) === 0);
  if (!byCallbacks) {
    go(async () => {
      await echo(detached).catch((error: unknown) => failed(id, error));
    });
    return;
  }
  arriving = detached.state;
  try {
    const conn = loop.adopt(detached);
    if (detached.state.rest !== null) void conn.writer.flush();
  } catch (error) {
    failed(id, error);
  }
});
tell({ kind: 'up' });
