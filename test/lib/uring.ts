import assert from 'node:assert/strict';
import type { TCPConn } from 'gopark/net';
import { UringDriver } from '#dist/poll/drivers/uring/driver.js';
import { threadPoller } from '#dist/poll/index.js';
import { tcpPair } from './pair.ts';

/** The driver of the connections in the file that asks. */
export function uring(): UringDriver {
  const { driver } = threadPoller();
  assert.ok(driver instanceof UringDriver, driver.name);
  return driver;
}

/** Two ends of a connection: dialled, accepted. */
export async function pair(): Promise<[near: TCPConn, far: TCPConn]> {
  const { a, b } = await tcpPair();
  return [a, b];
}
