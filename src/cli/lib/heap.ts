import { setFlagsFromString } from 'node:v8';

/**
 * Tells V8 to collect its old generation when it has grown by a fifth, instead of letting it double: what tens of
 * thousands of connections leave behind when they park anew would otherwise be most of the process. (The young
 * generation is bounded by a flag in main.ts's first line; it cannot be changed at run time.)
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20');
}
