export { Connection } from './connection.ts';
export { type DialConnectionOptions, dial } from './dial.ts';
export { EventLoopError, WriteBufferFullError } from './errors.ts';
export { EventLoop, type EventLoopOptions, type LoopShutdownOptions } from './event-loop.ts';
export type { ConnectionCallback, WritePolicy } from './host.ts';
export type { ConnectionLimits } from './limits.ts';
export {
  Multiplexer,
  type MultiplexerOptions,
  type MultiplexProtocol,
  RequestLostError,
  ResponseTooLargeError,
} from './multiplexer.ts';
export { configure, type EventLoopSettings, type LoadBalance } from './pool.ts';
