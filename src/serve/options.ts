import { availableParallelism } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';
import type { LoadBalance } from '../eventloop/index.ts';
import { loadBalances } from '../eventloop/pool.ts';
import { checkCount } from '../io/arguments.ts';
import { ArgumentRangeError, ArgumentTypeError } from '../io/index.ts';
import type { ListenOptions } from '../net/index.ts';
import { threadPoller } from '../poll/index.ts';
import { type BalanceOptions, type BalancePlan, checkBalance } from './balance/options.ts';
import type { Intake } from './messages.ts';

/**
 * Why a P has ended that should not have.
 *
 * @example
 * ```ts
 * import { type Crash, serve } from 'gopark/serve';
 *
 * await serve({
 *   listen: 'tcp://127.0.0.1:9000',
 *   handler: new URL('./handler.js', import.meta.url),
 *   onCrash: ({ index, error, restartsIn }: Crash) => console.error(`P ${index}: ${error.message}; again in ${restartsIn} ms`),
 * });
 * ```
 */
export interface Crash {
  readonly index: number;
  /** Node's `threadId` of the thread that has ended: what `reclaim` of channels and blocks takes. */
  readonly threadId: number;
  /** What nobody caught there, or that it has just gone. */
  readonly error: Error;
  /** Milliseconds until the next one starts in its place. */
  readonly restartsIn: number;
}

/**
 * What `serve` serves, and how.
 *
 * @example
 * ```ts
 * import type { ServeOptions } from 'gopark/serve';
 *
 * const options: ServeOptions = {
 *   listen: 'tcp://127.0.0.1:9000',
 *   handler: new URL('./handler.js', import.meta.url),
 *   procs: 2,
 *   distribute: 'handoff',
 * };
 * ```
 */
export interface ServeOptions {
  /** 'tcp://host:port' or 'unix:///path'. */
  listen: string;
  /**
   * The module that serves: its default export is a conn handler, `(conn, stopping) => Promise<void>`; or it exports
   * the event loop's callbacks, `onRequest` and so on, `limits`, and `onShutdown`. An absolute file: URL or path.
   */
  handler: URL | string;
  /** How many Ps, each a thread with an event loop and a driver of its own. As many as there are processors. */
  procs?: number;
  /**
   * Who decides which P serves a connection. 'reuseport': the kernel, by the peer's address; each P listens.
   * 'handoff': one thread accepts for all, and `loadBalance` says who gets it. The default is 'reuseport' where the
   * driver and the network can, unless there is a `loadBalance`.
   */
  distribute?: 'reuseport' | 'handoff';
  /**
   * Which P gets a connection that was accepted for all. 'least-connections', the default: whoever has fewest, among
   * those the least busy; 'round-robin': the next one; 'random'.
   */
  loadBalance?: LoadBalance;
  /**
   * Whether connections go from Ps that are overloaded to others that are not: those that nobody has begun to serve,
   * and, of handler modules that export `onLeave`, those of the event loop, between requests. Default true; needs
   * nothing where there is one P.
   */
  balance?: boolean | BalanceOptions;
  /** Of the listener and its connections. */
  listenOptions?: Omit<ListenOptions, 'reusePort'>;
  /** For the handlers: `proc().data`. Anything that can be cloned, a `SharedChan`'s handle for instance. */
  data?: unknown;
  /** Node's limits for each P's thread. */
  resourceLimits?: ResourceLimits;
  /** Told of each P that ended and should not have. Without it: one line on stderr. */
  onCrash?: (crash: Crash) => void;
}

/** The same, checked. */
export interface Plan {
  readonly network: 'tcp' | 'unix';
  readonly address: string;
  readonly handler: string;
  readonly procs: number;
  readonly intake: Intake;
  readonly loadBalance: LoadBalance;
  /** null: nothing moves. */
  readonly balance: BalancePlan | null;
  readonly listenOptions: object;
  readonly data: unknown;
  readonly resourceLimits: ResourceLimits | undefined;
  readonly onCrash: ((crash: Crash) => void) | undefined;
}

const LISTEN = /^(?:tcp:\/\/(?<tcp>[^/]+)|unix:\/\/(?<unix>.+))$/;
const MOST_PROCS = 1024;

/** A module as a worker imports it. */
export function handlerUrl(handler: unknown): string {
  const isPath = typeof handler === 'string' && handler.startsWith('/');
  if (!isPath && !(handler instanceof URL) && !(typeof handler === 'string' && handler.startsWith('file:'))) {
    throw new ArgumentTypeError('handler', 'a file: URL or an absolute path', handler);
  }
  return isPath ? new URL(handler as string, 'file:').href : String(handler);
}

export function checkOptions(options: ServeOptions): Plan {
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentTypeError('options', 'an object', options);
  }
  const { procs = availableParallelism(), listenOptions = {}, onCrash, loadBalance } = options;
  const distribute = options.distribute ?? (loadBalance === undefined ? undefined : 'handoff');
  const found = LISTEN.exec(options.listen)?.groups;
  if (found === undefined) {
    throw new ArgumentRangeError('listen', "'tcp://host:port' or 'unix:///path'", options.listen);
  }
  checkCount(procs, 'procs', 1);
  if (procs > MOST_PROCS) throw new ArgumentRangeError('procs', `at most ${MOST_PROCS}`, procs);
  if (distribute !== undefined && distribute !== 'reuseport' && distribute !== 'handoff') {
    throw new ArgumentRangeError('distribute', "'reuseport' or 'handoff'", distribute);
  }
  if (loadBalance !== undefined && !loadBalances.includes(loadBalance)) {
    throw new ArgumentRangeError('loadBalance', `one of ${loadBalances.join(', ')}`, loadBalance);
  }
  if (loadBalance !== undefined && distribute === 'reuseport') {
    throw new ArgumentRangeError('distribute', "'handoff' where there is a loadBalance", distribute);
  }
  if (onCrash !== undefined && typeof onCrash !== 'function') {
    throw new ArgumentTypeError('onCrash', 'a function', onCrash);
  }
  const network = found.tcp === undefined ? 'unix' : 'tcp';
  return {
    network,
    address: found.tcp ?? found.unix!,
    handler: handlerUrl(options.handler),
    ...intakeFor(network, procs, distribute),
    loadBalance: loadBalance ?? 'least-connections',
    balance: checkBalance(options.balance ?? true),
    listenOptions,
    data: options.data,
    resourceLimits: options.resourceLimits,
    onCrash,
  };
}

/** How many Ps there can be, and how they get their connections. */
function intakeFor(
  network: 'tcp' | 'unix',
  procs: number,
  distribute: ServeOptions['distribute'],
): { procs: number; intake: Intake } {
  const { name, capabilities } = threadPoller().driver;
  const shares = network === 'tcp' && capabilities.has('reusePort');
  if (distribute === 'reuseport' && !shares) {
    throw new ArgumentRangeError('distribute', `'handoff' for ${network} on the ${name} driver`, distribute);
  }
  if (distribute === 'handoff' && capabilities.has('leases')) return { procs, intake: 'handed' };
  if (procs === 1 && distribute === undefined) return { procs, intake: 'alone' };
  if (shares && distribute !== 'handoff') return { procs, intake: 'reuseport' };
  if (capabilities.has('leases')) return { procs, intake: 'handed' };
  if (procs > 1) {
    process.emitWarning(
      `serve: the ${name} driver can move no connections between threads: one P instead of ${procs}`,
    );
  }
  return { procs: 1, intake: 'alone' };
}
