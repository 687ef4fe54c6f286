export { Chan, chan } from './chan.ts';
export { Cond } from './cond.ts';
export {
  afterFunc,
  type Context,
  ContextDeadlineError,
  withCancel,
  withDeadline,
  withTimeout,
} from './context.ts';
export { ErrGroup } from './err-group.ts';
export { CloseOfClosedError, MisuseError, SendOnClosedError } from './errors.ts';
export type { Guard } from './guard.ts';
export { Mutex } from './mutex.ts';
export { Once, onceValue } from './once.ts';
export { RWMutex } from './rw-mutex.ts';
export { select } from './select.ts';
export { aborted, otherwise, recv, type SelectCase, send, timeout } from './select-cases.ts';
export { Semaphore } from './semaphore.ts';
export {
  BlockGoneError,
  NotCloneableError,
  TooManySendersError,
  TooManySubscribersError,
  ValueTooLargeError,
} from './shared/errors.ts';
export { SharedBlock, SharedBlocks, type SharedBlocksHandle } from './shared/shared-blocks.ts';
export {
  SharedBroadcast,
  type SharedBroadcastHandle,
  type SharedBroadcastOptions,
} from './shared/shared-broadcast.ts';
export { SharedChan, type SharedChanHandle, type SharedChanOptions } from './shared/shared-chan.ts';
export { Subscription } from './shared/subscription.ts';
export type { Codec } from './shared/values.ts';
export { Ticker, ticker } from './ticker.ts';
export { WaitGroup } from './wait-group.ts';
export type { WaitOptions } from './wait-options.ts';
