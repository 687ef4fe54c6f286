import type { Capability } from '#dist/poll/driver.js';
import { findNative } from '#dist/poll/drivers/epoll/native.js';
import { threadPoller } from '#dist/poll/index.js';

/** Why a row is skipped, in the one form that the summary of `npm test` counts by. */
export function lacks(driver: string, capability: string): string {
  return `${driver} lacks ${capability}`;
}

/** Options of a test that needs what not every driver can: with a driver that lacks it, it is skipped and counted. */
export function needs(...capabilities: Capability[]): { skip: string | false } {
  const { driver } = threadPoller();
  const missing = capabilities.find((capability) => !driver.capabilities.has(capability));
  return { skip: missing === undefined ? false : lacks(driver.name, missing) };
}

/** The same for what calls the native part whichever driver runs: a lock of a file. */
export function needsNative(): { skip: string | false } {
  return { skip: 'why' in findNative() ? lacks('this clone', 'the native part') : false };
}
