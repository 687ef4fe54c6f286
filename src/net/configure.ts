import { ArgumentRangeError } from '../io/index.ts';
import { askFor, type DriverName } from '../poll/index.ts';
import { checkObject } from './options.ts';

const NAMES: readonly DriverName[] = ['epoll', 'uring', 'portable'];

/**
 * How the network is driven.
 *
 * @example
 * ```ts
 * import { configureNetwork, type NetworkSettings } from 'gopark/net';
 *
 * const forFilesToo: NetworkSettings = { driver: 'uring' };
 * configureNetwork(forFilesToo);
 * ```
 */
export interface NetworkSettings {
  /**
   * Which driver moves the bytes: see docs/drivers.md. 'epoll', the default on Linux; 'uring', with which files go
   * through the kernel's ring, too, and where it is refused epoll runs, with one line on stderr; 'portable'. The
   * environment variable `GOPARK_DRIVER` has the last word.
   */
  driver?: 'epoll' | 'uring' | 'portable';
}

/**
 * Sets how the network is driven, in this thread and in worker threads that it starts from now on. To be called before
 * anything of gopark opens a socket or a pipe: a thread has one driver for as long as it lives.
 *
 * @throws ArgumentRangeError for a driver that does not exist.
 * @throws DriverError when this thread uses another driver already. That a driver cannot run here is told by the
 * first call that needs one, as with `GOPARK_DRIVER`.
 *
 * @example
 * ```ts
 * import { configureNetwork, listen } from 'gopark/net';
 *
 * configureNetwork({ driver: 'uring' });
 * await using listener = await listen('tcp', '127.0.0.1:0');
 * ```
 */
export function configureNetwork(settings: NetworkSettings): void {
  checkObject(settings, 'settings', 'an object');
  const { driver } = settings;
  if (driver === undefined) return;
  if (!NAMES.includes(driver)) throw new ArgumentRangeError('driver', `one of ${NAMES.join(', ')}`, driver);
  askFor(driver);
}
