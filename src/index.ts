export * as bufio from './bufio/index.ts';
export * as bytes from './bytes/index.ts';
export * as io from './io/index.ts';
export * as net from './net/index.ts';
export * as os from './os/index.ts';
export {
  Goroutine,
  go,
  gosched,
  numGoroutine,
  type RuntimeHooks,
  runtime,
  sleep,
  stack,
} from './runtime/index.ts';
