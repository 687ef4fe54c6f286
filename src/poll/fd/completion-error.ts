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
  if (!limitStacks(0)) return owner.error(op, failure);
  try {
    return owner.error(op, failure);
  } finally {
    limitStacks(limit);
  }
}

/** False where somebody has frozen `Error`: then it has a stack. (`Reflect.set` takes longer than this by half an error.) */
function limitStacks(limit: number): boolean {
  try {
    Error.stackTraceLimit = limit;
    return true;
  } catch {
    return false;
  }
}
