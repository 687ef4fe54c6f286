import type { Detached } from '../net/index.ts';
import type { ShiftReason } from './balance/balancer.ts';

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
  /** How long a connection that has moved stays, in milliseconds. */
  readonly rest: number;
  /** The user's own. */
  readonly data: unknown;
}

/** A connection on its way to a P. */
export interface Handed {
  readonly detached: Detached;
  /** Another P has served it. */
  readonly moved: boolean;
}

/** A part of what a P does is to go to another one. */
export interface ShedOrder {
  readonly to: number;
  /** Above 0, at most a half. */
  readonly share: number;
  readonly why: ShiftReason;
}

/** To a P. */
export type Order =
  | ({ readonly kind: 'conn' } & Handed)
  | ({ readonly kind: 'shed' } & ShedOrder)
  | { readonly kind: 'shutdown'; readonly timeout: number };

/** From a P. */
export type Report =
  | { readonly kind: 'ready'; readonly address: string }
  /** It has no room, or cannot: somebody else may take it. */
  | ({ readonly kind: 'refused' } & Handed)
  /** It gives this one away, as it was told to. */
  | ({ readonly kind: 'shed'; readonly to: number; readonly why: ShiftReason } & Handed)
  | { readonly kind: 'ended'; readonly cutOff: number };

/** What a P gives away. */
export type Shed = Extract<Report, { kind: 'shed' }>;
