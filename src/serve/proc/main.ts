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
import { numGoroutine } from '../../runtime/index.ts';
import { LoadCell } from '../load.ts';
import type { Order, ProcData, Report } from '../messages.ts';
import { become } from '../proc.ts';
import { HandedListener } from './handed-listener.ts';
import { type Handling, handle } from './handler.ts';

/** How often the others learn how busy this P is, in milliseconds. */
const INTERVAL = 100;

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
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    load.publish({ connections: handling.connections, utilization, goroutines: numGoroutine() });
  }, INTERVAL).unref();
}

async function main(): Promise<void> {
  become({ index: data.index, procs: data.procs, data: data.data });
  const module = (await import(data.handler)) as Record<string, unknown>;
  const { listener, handed } = await openListener();
  const handling = handle(module, listener, handed);
  publishLoad(handling);
  port.on('message', (order: Order) => {
    if (order.kind === 'conn') {
      try {
        handling.adopt(order.detached);
      } catch (error) {
        // No room here, or no time left: it is still nobody's.
        if (!(error instanceof OpError || error instanceof EventLoopError)) throw error;
        report({ kind: 'refused', detached: order.detached });
      }
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
