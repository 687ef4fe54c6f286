import { tracing } from '../../runtime/trace.ts';
import type { Failure } from '../errno.ts';
import type { FDOwner } from './owner.ts';

/**
 * The error that a completion has brought. It has no stack: that would name our poller and nobody who waits, and taking
 * it costs more than everything else of a connection that its peer resets. With `GOPARK_TRACE=1` it has one.
 */
export function completionError(owner: FDOwner, op: string, failure: Failure): Error {
  if (tracing) return owner.error(op, failure);
  const limit = Error.stackTraceLimit;
  // An assignment throws where somebody has frozen `Error`: then it has a stack.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return owner.error(op, failure);
  } finally {
    Reflect.set(Error, 'stackTraceLimit', limit);
  }
}
