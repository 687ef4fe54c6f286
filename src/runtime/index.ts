export { stack } from './dump.ts';
export { Goroutine, go } from './goroutine.ts';
export { type RuntimeHooks, runtime } from './hooks.ts';
export { numGoroutine } from './registry.ts';
export { gosched, sleep } from './sleep.ts';
