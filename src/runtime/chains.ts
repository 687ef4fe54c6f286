import { createContext, runInContext, Script } from 'node:vm';
import type { Goroutine } from './goroutine.ts';

/**
 * Who awaits a promise? JavaScript has no answer, but V8 has one for stack traces: it follows a promise to the async
 * function that awaits it, to that function's own promise, and so on. It starts from the microtask that runs. So a
 * microtask is made whose promise would, if it ever settled, resolve the promise in question: `then(resolve)`. From
 * there V8 walks the chain. It costs nothing before somebody asks, and it is exact where it says something: the
 * chain ends where a promise has two takers or a callback instead of a promise, never at the wrong function.
 */

/** One function that awaits: where in the code that runs, which `sourceOf` turns into the source. */
export interface Frame {
  readonly name: string;
  readonly file: string;
  /** From 1; 0: unknown. */
  readonly line: number;
  readonly column: number;
  /** Whether it is the top level of a module. */
  readonly isMain: boolean;
}

/** Who awaits a promise, the innermost function first. */
export interface Chain {
  readonly frames: readonly Frame[];
  /** The id of the goroutine at the end of the chain, if that was marked before; 0: none is there. */
  readonly goroutine: number;
}

const MOST_FRAMES = 64;
const EMPTY: Chain = { frames: [], goroutine: 0 };
const here = import.meta.url;
const NAME = 'goroutine ';

const marked = new WeakSet<Goroutine>();

/** Hangs behind a goroutine's promises. Of its `this` a stack trace shows the name, and that is the goroutine's. */
async function marking(this: object, tail: Promise<unknown>): Promise<void> {
  await tail;
}

/** Makes the goroutine known to chains. */
export function markGoroutine(goroutine: Goroutine): void {
  const { tail } = goroutine;
  if (tail === null || marked.has(goroutine)) return;
  void marking.call({ [Symbol.toStringTag]: `${NAME}${goroutine.id}` }, tail);
  marked.add(goroutine);
}

let probing: ReturnType<typeof createContext> | null = null;
let drain: Script | null = null;

/** For each resolving function: who awaits its promise. */
export function chainsOf(resolves: readonly unknown[]): Chain[] {
  const traces: NodeJS.CallSite[][] = [];
  // A context with a queue of microtasks for itself: those run before this function returns, and no others do.
  probing ??= createContext(Object.create(null), { microtaskMode: 'afterEvaluate' });
  drain ??= new Script('0');
  const makeProber = runInContext(
    `((look) => {
      const base = Promise.resolve();
      const never = new Promise(() => {});
      const probe = () => { look(); return never; };
      return () => base.then(probe);
    })`,
    probing,
  ) as (look: () => void) => () => Promise<never>;
  const { prepareStackTrace, stackTraceLimit } = Error;
  const look = () => {
    // Nothing may be thrown here: it would settle what only the real waker may settle.
    try {
      traces.push(captured());
    } catch {
      traces.push([]);
    }
  };
  const probeOnce = makeProber(look);
  try {
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.stackTraceLimit = MOST_FRAMES + 32;
    for (const resolve of resolves) {
      // A promise that never settles stands between: `resolve` is followed, never called.
      if (typeof resolve === 'function') Promise.prototype.then.call(probeOnce(), resolve as never);
      else Promise.prototype.then.call(probeOnce(), undefined);
    }
    drain.runInContext(probing);
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
  return traces.map((sites) => chainFrom(sites));
}

function captured(): NodeJS.CallSite[] {
  const holder: { stack?: unknown } = {};
  Error.captureStackTrace(holder, chainsOf);
  return Array.isArray(holder.stack) ? holder.stack : [];
}

/** Where the caller stands, and which goroutine it belongs to. Only goroutines marked before are recognised. */
export function ownChain(callee: (...args: never[]) => unknown): Chain {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.stackTraceLimit = MOST_FRAMES;
    Error.captureStackTrace(holder, callee);
    return Array.isArray(holder.stack) ? chainFrom(holder.stack, true) : EMPTY;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function chainFrom(sites: NodeJS.CallSite[], synchronous = false): Chain {
  const frames: Frame[] = [];
  for (const site of sites) {
    const isAsync = site.isAsync();
    if (!isAsync && !synchronous) continue;
    const file = site.getFileName();
    if (isAsync && file === here && site.getFunctionName() === marking.name) {
      return { frames, goroutine: Number(site.getTypeName()?.slice(NAME.length)) || 0 };
    }
    // Promise.all and its kin have no file; neither do natives.
    if (typeof file === 'string' && frames.length < MOST_FRAMES) frames.push(frameOf(site, file));
  }
  return { frames, goroutine: 0 };
}

function frameOf(site: NodeJS.CallSite, file: string): Frame {
  const name = site.getFunctionName();
  const line = site.getLineNumber() ?? 0;
  const column = site.getColumnNumber() ?? 0;
  const isMain = name === null && site.isToplevel() && enclosingStart(site) === 1;
  return { name: name ?? '', file, line, column, isMain };
}

/** A module's top level begins with the file; an anonymous function does not (nearly never: at 1:1). */
function enclosingStart(site: NodeJS.CallSite): number {
  const known = site as { getEnclosingLineNumber?(): number; getEnclosingColumnNumber?(): number };
  const line = known.getEnclosingLineNumber?.() ?? 0;
  const column = known.getEnclosingColumnNumber?.() ?? 0;
  return line === 1 && column === 1 ? 1 : 0;
}
