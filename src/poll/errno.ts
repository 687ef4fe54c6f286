import { getSystemErrorMap } from 'node:util';

/** Node makes it anew for whoever asks, all of it: some 20 microseconds. */
const systemErrors = getSystemErrorMap();
/** libuv's numbers: the system's own where it has errnos, others on Windows. */
const numbers = new Map(Array.from(systemErrors, ([number, [name]]) => [name, -number]));

/** The errors that gopark's own code decides on, as positive numbers of this platform. */
export const EAGAIN: number = numbers.get('EAGAIN')!;
export const EAFNOSUPPORT: number = numbers.get('EAFNOSUPPORT')!;
export const EBADF: number = numbers.get('EBADF')!;
export const ECANCELED: number = numbers.get('ECANCELED')!;
export const ECONNRESET: number = numbers.get('ECONNRESET')!;
export const EDESTADDRREQ: number = numbers.get('EDESTADDRREQ')!;
export const EINPROGRESS: number = numbers.get('EINPROGRESS') ?? 115;
export const EINTR: number = numbers.get('EINTR')!;
export const EINVAL: number = numbers.get('EINVAL')!;
export const ENODEV: number = numbers.get('ENODEV')!;
export const EMFILE: number = numbers.get('EMFILE')!;
export const EMSGSIZE: number = numbers.get('EMSGSIZE')!;
export const ENFILE: number = numbers.get('ENFILE')!;
export const ENOBUFS: number = numbers.get('ENOBUFS')!;
export const ENOMEM: number = numbers.get('ENOMEM')!;
export const ENOTCONN: number = numbers.get('ENOTCONN')!;
export const ENOPROTOOPT: number = numbers.get('ENOPROTOOPT')!;
export const ENOTSOCK: number = numbers.get('ENOTSOCK')!;
export const ENOTSUP: number = numbers.get('ENOTSUP')!;
export const EPIPE: number = numbers.get('EPIPE')!;
export const ESPIPE: number = numbers.get('ESPIPE')!;

/** The symbolic name of a positive errno, as Node's own errors carry it in `code`. */
export function errnoName(errno: number): string {
  return systemErrors.get(-errno)?.[0] ?? `ERRNO_${errno}`;
}

/** What the system says about a positive errno. */
export function errnoMessage(errno: number): string {
  return systemErrors.get(-errno)?.[1] ?? `system error ${errno}`;
}

/** Why an operation failed: a positive errno, or one of these. */
export type Failure = number;
export const FAILED_NOT = 0;
/** The descriptor was closed here. */
export const FAILED_CLOSED = -1;
/** The deadline has passed. */
export const FAILED_DEADLINE = -2;
/** `close` ran out of time with bytes that the kernel had not taken. */
export const FAILED_UNSENT = -3;
/** The caller's buffer was detached or resized while the call waited. */
export const FAILED_DETACHED = -4;
/** The descriptor was detached: it is another thread's, or will be. */
export const FAILED_MOVED = -5;
