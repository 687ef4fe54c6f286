export { type RuntimeHooks, runtime } from './failures.ts';
export { Goroutine, go, numGoroutine } from './goroutine.ts';
export { gosched, sleep } from './sleep.ts';
