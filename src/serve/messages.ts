import type { Detached } from '../net/index.ts';

/** How a P gets its connections: it listens itself, together with others on the same port, or is handed them. */
export type Intake = 'alone' | 'reuseport' | 'handed';

/** What a P is started with. */
export interface ProcData {
  readonly index: number;
  readonly procs: number;
  /** The handler's module. */
  readonly handler: string;
  readonly intake: Intake;
  readonly network: 'tcp' | 'unix';
  readonly address: string;
  readonly options: object;
  readonly load: SharedArrayBuffer;
  /** The user's own. */
  readonly data: unknown;
}

/** To a P. */
export type Order =
  | { readonly kind: 'conn'; readonly detached: Detached }
  | { readonly kind: 'shutdown'; readonly timeout: number };

/** From a P. */
export type Report =
  | { readonly kind: 'ready'; readonly address: string }
  /** It has no room, or cannot: somebody else may take it. */
  | { readonly kind: 'refused'; readonly detached: Detached }
  | { readonly kind: 'ended'; readonly cutOff: number };
