export { after, Timer } from './after.ts';
export { stack } from './dump.ts';
export { Goroutine, go } from './goroutine.ts';
export { type RuntimeHooks, runtime } from './hooks.ts';
export { numGoroutine } from './registry.ts';
export { gosched, sleep } from './sleep.ts';
export { type RuntimeStats, stats } from './stats.ts';
export type { HoldHook, LongHold, Suspect } from './watchdog.ts';
