export * as bufio from './bufio/index.ts';
export * as bytes from './bytes/index.ts';
export * as compat from './compat/index.ts';
export * as debug from './debug/index.ts';
export * as eventloop from './eventloop/index.ts';
export * as io from './io/index.ts';
export * as linkbuffer from './linkbuffer/index.ts';
export * as net from './net/index.ts';
export * as os from './os/index.ts';
export {
  after,
  Goroutine,
  go,
  gosched,
  type LongHold,
  numGoroutine,
  type RuntimeHooks,
  type RuntimeStats,
  runtime,
  type Suspect,
  sleep,
  stack,
  stats,
  Timer,
} from './runtime/index.ts';
export { serve } from './serve/index.ts';
export * as sync from './sync/index.ts';
export {
  aborted,
  Chan,
  chan,
  otherwise,
  recv,
  type SelectCase,
  select,
  send,
  Ticker,
  ticker,
  timeout,
} from './sync/index.ts';
