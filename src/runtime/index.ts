export { stack } from './dump.ts';
export { type RuntimeHooks, runtime } from './failures.ts';
export { Goroutine, go } from './goroutine.ts';
export { numGoroutine } from './registry.ts';
export { gosched, sleep } from './sleep.ts';
