import { type Connection, EventLoop, type EventLoopOptions } from '../../eventloop/index.ts';
import type { ConnHandler, Detached, Listener, StreamConn } from '../../net/index.ts';
import { adopt, startServing } from '../../net/index.ts';
import { sleep } from '../../runtime/index.ts';
import type { Handed, Intake, ShedOrder } from '../messages.ts';
import { HandedListener } from './handed-listener.ts';
import { type OnLeave, Shedding } from './shedding.ts';
import { SheddingListener } from './shedding-listener.ts';

const CALLBACKS = ['onPrepare', 'onConnect', 'onRequest', 'onDisconnect'] as const;
const MOVING = ['onLeave', 'onArrive'] as const;
/** Of callbacks only: a conn handler has the signal. */
const ENDING = 'onShutdown';

/** The handler's module at work in this P. */
export interface Handling {
  readonly connections: number;
  /** Takes over what another thread has accepted, or served. */
  adopt(handed: Handed): void;
  /** Gives a part of what there is to do away. */
  shed(order: ShedOrder): void;
  shutdown(timeout: number): Promise<number>;
}

/** How a P gets its connections, and what becomes of those that it gives away. */
export interface Ways {
  readonly intake: Intake;
  readonly listener: Listener<StreamConn>;
  /** The same listener, where it is handed what it accepts. */
  readonly handed: HandedListener | null;
  /** How long a connection that has moved stays, in milliseconds. */
  readonly rest: number;
  send(handed: Handed, order: ShedOrder): void;
}

type Module = Record<string, unknown>;

/** What the module exports decides in which model it serves. */
export function handle(module: Module, ways: Ways): Handling {
  for (const name of [...CALLBACKS, ...MOVING, ENDING]) {
    if (module[name] !== undefined && typeof module[name] !== 'function') {
      throw new TypeError(`the handler module exports ${name}, but that is no function`);
    }
  }
  if (CALLBACKS.some((name) => module[name] !== undefined)) return byCallbacks(module, ways);
  if (typeof module.default !== 'function') {
    throw new TypeError('the handler module exports neither a function as default nor onRequest');
  }
  return byGoroutines(module.default as ConnHandler<StreamConn>, ways);
}

/** Who serves keeps its connection in a variable, and nobody may take it away: only what is new goes elsewhere. */
function byGoroutines(handler: ConnHandler<StreamConn>, ways: Ways): Handling {
  const { handed: own, intake, listener } = ways;
  const shedding =
    intake === 'reuseport'
      ? new SheddingListener(listener, (detached, order) => ways.send({ detached, moved: false }, order))
      : null;
  // Who listens may be handed something as well: what others have accepted and give away.
  const handed = own ?? new HandedListener(listener.addr);
  const servings = [startServing(handed, handler)];
  if (own === null) servings.push(startServing(shedding ?? listener, handler));
  return {
    get connections() {
      return servings.reduce((sum, { connections }) => sum + connections, handed.waiting);
    },
    adopt: ({ detached }) => handTo(handed, detached),
    shed: (order) => shedding?.begin(order),
    async shutdown(timeout) {
      const cutOff = await Promise.all(servings.map((serving) => serving.shutdown({ timeout })));
      return cutOff.reduce((sum, count) => sum + count, 0);
    },
  };
}

function handTo(handed: HandedListener, detached: Detached): void {
  const conn = adopt(detached);
  if (!handed.hand(conn)) conn.closeNow();
}

function byCallbacks(module: Module, { listener, handed, rest, send }: Ways): Handling {
  const callbacks = Object.fromEntries(
    CALLBACKS.filter((name) => module[name] !== undefined).map((name) => [name, module[name]]),
  );
  const { onPrepare, ...others } = callbacks as { onPrepare?: (conn: Connection) => void };
  const onArrive = module.onArrive as ((conn: Connection, state: unknown) => void) | undefined;
  const onShutdown = module[ENDING] as (() => unknown) | undefined;
  /** What is just being adopted: set inside one call only. */
  let arriving: Handed | null = null;
  const prepare = (conn: Connection): void => {
    onPrepare?.(conn);
    if (arriving?.moved) onArrive?.(conn, arriving.detached.state);
  };
  const options = {
    ...(module.limits as object | undefined),
    ...others,
    ...(onPrepare !== undefined || onArrive !== undefined ? { onPrepare: prepare } : {}),
  };
  const loop = new EventLoop(options as EventLoopOptions);
  const shedding =
    module.onLeave === undefined
      ? null
      : new Shedding(loop, module.onLeave as OnLeave, rest, (detached, order) =>
          send({ detached, moved: true }, order),
        );
  if (handed === null) {
    // What it cannot accept any more ends this P, which is reported.
    loop.serve(listener).catch((error: unknown) =>
      queueMicrotask(() => {
        throw error;
      }),
    );
  }
  return {
    get connections() {
      return loop.connections;
    },
    adopt(one) {
      arriving = one;
      try {
        const conn = loop.adopt(one.detached);
        if (one.moved) shedding?.arrived(conn);
      } finally {
        arriving = null;
      }
    },
    shed: (order) => shedding?.begin(order),
    async shutdown(timeout) {
      const end = performance.now() + timeout;
      if (onShutdown !== undefined) {
        if (handed === null) await listener.close();
        await inTime(onShutdown(), timeout);
      }
      return loop.shutdown({ timeout: Math.max(0, end - performance.now()) });
    },
  };
}

/** Waits for what the handler has to do at the end, as long as there is time. */
async function inTime(done: unknown, timeout: number): Promise<void> {
  if (timeout === Number.POSITIVE_INFINITY) {
    await done;
    return;
  }
  const enough = new AbortController();
  const patience = sleep(timeout, { signal: enough.signal }).catch(() => {});
  await Promise.race([done, patience]);
  enough.abort();
}
