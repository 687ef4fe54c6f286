export { Chan, chan } from './chan.ts';
export { CloseOfClosedError, MisuseError, SendOnClosedError } from './errors.ts';
export { select } from './select.ts';
export { aborted, otherwise, recv, type SelectCase, send, timeout } from './select-cases.ts';
export { Ticker, ticker } from './ticker.ts';
export type { WaitOptions } from './wait-options.ts';
