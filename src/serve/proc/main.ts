// A P: the module that each of the worker threads of `serve` runs.
import { parentPort, workerData } from 'node:worker_threads';
import { EventLoopError } from '../../eventloop/index.ts';
import {
  type Addr,
  type Listener,
  listen,
  OpError,
  type StreamConn,
  splitHostPort,
  TCPAddr,
  UnixAddr,
} from '../../net/index.ts';
import { threadPoller } from '../../poll/index.ts';
import { numGoroutine } from '../../runtime/index.ts';
import { LOAD_INTERVAL, LoadCell } from '../load.ts';
import type { Handed, Order, ProcData, Report } from '../messages.ts';
import { become } from '../proc.ts';
import { HandedListener } from './handed-listener.ts';
import { type Handling, handle } from './handler.ts';

const data = workerData as ProcData;
const port = parentPort!;
const load = new LoadCell(data.load);

function report(message: Report): void {
  port.postMessage(message);
}

async function openListener(): Promise<{ listener: Listener<StreamConn>; handed: HandedListener | null }> {
  if (data.intake !== 'handed') {
    const options = { ...data.options, ...(data.intake === 'reuseport' ? { reusePort: true } : {}) };
    return { listener: await listen(data.network as 'tcp', data.address, options), handed: null };
  }
  const handed = new HandedListener(addrOf());
  return { listener: handed, handed };
}

function addrOf(): Addr {
  if (data.network === 'unix') return new UnixAddr(data.address, 'unix');
  const { host, port: at } = splitHostPort(data.address);
  return new TCPAddr(host, Number(at));
}

/** Tells the others how busy this P is. */
function publishLoad(handling: Handling): void {
  const poller = threadPoller();
  let before = performance.eventLoopUtilization();
  let [completions, rounds] = [poller.completions, poller.rounds];
  const publish = (): void => {
    const now = performance.eventLoopUtilization();
    // Not started at the first look: what it took to load is no load.
    const { utilization } = performance.eventLoopUtilization(now, before);
    const runnable = (poller.completions - completions) / Math.max(1, poller.rounds - rounds);
    before = now;
    [completions, rounds] = [poller.completions, poller.rounds];
    load.publish({ connections: handling.connections, utilization, goroutines: numGoroutine(), runnable });
  };
  load.publish({ connections: 0, utilization: 0, goroutines: numGoroutine(), runnable: 0 });
  setInterval(publish, LOAD_INTERVAL).unref();
}

/** What came in this turn of the loop. */
let taken = 0;

function take(handling: Handling, { detached, moved }: Handed): void {
  try {
    handling.adopt({ detached, moved });
  } catch (error) {
    if (!(error instanceof OpError || error instanceof EventLoopError)) throw error;
    // Another one has it by now, because it waited here for too long. Else there is no room, or no time left: it is nobody's.
    if (error.code !== 'EBADF') report({ kind: 'refused', detached, moved });
  }
  if (taken++ > 0) return;
  // By then its handler has begun.
  setImmediate(() => {
    load.took(taken, handling.connections);
    taken = 0;
  });
}

async function main(): Promise<void> {
  become({ index: data.index, procs: data.procs, data: data.data });
  const module = (await import(data.handler)) as Record<string, unknown>;
  const { listener, handed } = await openListener();
  const handling = handle(module, {
    intake: data.intake,
    rest: data.rest,
    listener,
    handed,
    send: (given, { to, why }) => report({ kind: 'shed', to, why, ...given }),
  });
  publishLoad(handling);
  port.on('message', (order: Order) => {
    if (order.kind === 'conn') {
      take(handling, order);
      return;
    }
    if (order.kind === 'shed') {
      handling.shed(order);
      return;
    }
    handling.shutdown(order.timeout).then(
      (cutOff) => report({ kind: 'ended', cutOff }),
      (error: unknown) => {
        throw error;
      },
    );
  });
  report({ kind: 'ready', address: String(listener.addr) });
}

await main();
