export type { MoveCount } from './balance/moves.ts';
export type { BalanceOptions } from './balance/options.ts';
export type { Load } from './load.ts';
export type { Crash, ServeOptions } from './options.ts';
export { type Proc, proc } from './proc.ts';
export type { ProcState } from './proc-thread.ts';
export { type ProcStatus, type ReloadOptions, Server, type ServerStats, serve } from './server.ts';
