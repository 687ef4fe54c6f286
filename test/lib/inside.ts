import type { TCPConn, TCPListener } from 'gopark/net';
import type { Driver } from '#dist/poll/driver.js';
import type { FD } from '#dist/poll/fd.js';

/** What the types of gopark/net do not show: for tests that look behind a connection. */
export function fdOf(owner: TCPConn | TCPListener): FD {
  return (owner as unknown as { fd: FD }).fd;
}

export function driverOf(owner: TCPConn | TCPListener): Driver {
  return fdOf(owner).poller.driver;
}

export function slotOf(owner: TCPConn | TCPListener): number {
  return fdOf(owner).slot;
}
