import { now } from '../runtime/clock.ts';
import { TCPAddr } from './addr.ts';
import { type ConnectPlan, connect, type Endpoint } from './connect.ts';
import { DeadlineExceededError } from './errors.ts';
import type { TCPConn } from './tcp-conn.ts';

/** A dial to one address that needs no lookup: nothing to race, and almost nothing to set up. */
export function dialNumeric(
  plan: ConnectPlan,
  to: Endpoint,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<TCPConn> {
  if (timeout === Number.POSITIVE_INFINITY) return connect(plan, to, signal);
  if (timeout > 0) return connect(plan, to, signal, now() + timeout);
  const details = { op: 'dial', net: plan.network, addr: new TCPAddr(to.host, to.port) };
  return Promise.reject(new DeadlineExceededError(details));
}
