import type { StreamConn, TCPListener, UnixListener } from 'gopark/net';
import type { Driver } from '#dist/poll/driver.js';
import type { FD } from '#dist/poll/fd/fd.js';

/** What the types of gopark/net do not show: for tests that look behind a connection. */
export function fdOf(owner: StreamConn | TCPListener | UnixListener): FD {
  return (owner as unknown as { fd: FD }).fd;
}

export function driverOf(owner: StreamConn | TCPListener | UnixListener): Driver {
  return fdOf(owner).poller.driver;
}

export function slotOf(owner: StreamConn | TCPListener | UnixListener): number {
  return fdOf(owner).slot;
}
