import { setFlagsFromString } from 'node:v8';

/**
 * What V8 has not optimized by now stays as it is. For an open loop, which has time to spare: each compilation takes the core
 * from it for 1 to 10 ms, and at a thousand messages a second that many of them are late.
 */
export function stopCompiling(): void {
  setFlagsFromString('--no-opt');
}
