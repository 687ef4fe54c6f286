import { EventLoop, type EventLoopOptions } from '../../eventloop/index.ts';
import type { ConnHandler, Detached, Listener, StreamConn } from '../../net/index.ts';
import { adopt, startServing } from '../../net/index.ts';
import type { HandedListener } from './handed-listener.ts';

const CALLBACKS = ['onPrepare', 'onConnect', 'onRequest', 'onDisconnect'] as const;

/** The handler's module at work in this P. */
export interface Handling {
  readonly connections: number;
  /** Takes over what another thread has accepted. */
  adopt(detached: Detached): void;
  shutdown(timeout: number): Promise<number>;
}

type Module = Record<string, unknown>;

/** What the module exports decides in which model it serves. */
export function handle(
  module: Module,
  listener: Listener<StreamConn>,
  handed: HandedListener | null,
): Handling {
  if (CALLBACKS.some((name) => module[name] !== undefined)) return byCallbacks(module, listener, handed);
  if (typeof module.default !== 'function') {
    throw new TypeError('the handler module exports neither a function as default nor onRequest');
  }
  const serving = startServing(listener, module.default as ConnHandler<StreamConn>);
  return {
    get connections() {
      return serving.connections;
    },
    adopt: (detached) => handTo(handed, detached),
    shutdown: (timeout) => serving.shutdown({ timeout }),
  };
}

function handTo(handed: HandedListener | null, detached: Detached): void {
  const conn = adopt(detached);
  if (handed?.hand(conn) !== true) conn.closeNow();
}

function byCallbacks(
  module: Module,
  listener: Listener<StreamConn>,
  handed: HandedListener | null,
): Handling {
  const callbacks = Object.fromEntries(
    CALLBACKS.filter((name) => module[name] !== undefined).map((name) => [name, module[name]]),
  );
  const loop = new EventLoop({ ...(module.limits as object | undefined), ...callbacks } as EventLoopOptions);
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
    adopt: (detached) => void loop.adopt(detached),
    shutdown: (timeout) => loop.shutdown({ timeout }),
  };
}
