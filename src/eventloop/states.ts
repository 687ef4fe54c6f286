/**
 * The life of a connection as its event loop sees it, as data: `transition[phase][event]` says what follows. Everything
 * happens in one thread, so there is no key to take and nothing to look at twice: whoever finds that a callback has
 * ended looks at the connection as it is at that moment, and bytes that came meanwhile are part of that.
 */

/** `onConnect` runs. */
export const OPENING = 0;
/** No callback runs. */
export const IDLE = 1;
/** The request handler runs. */
export const BUSY = 2;
/** Closed while a callback runs: the close is completed when that has ended. */
export const LEAVING = 3;
export const CLOSED = 4;

export type Phase = typeof OPENING | typeof IDLE | typeof BUSY | typeof LEAVING | typeof CLOSED;

/** While whatever phase: there is something that the handler should see. */
export const WORK = 0;
/** While whatever phase: nothing more will ever come, and nothing is left to see. */
export const OVER = 1;
/** The callback has ended, and there is something that the handler should see. */
export const ENDED_WORK = 2;
/** The callback has ended, and nothing is to be done until something comes. */
export const ENDED_REST = 3;
/** The callback has ended, and there is nothing left to do. */
export const ENDED_OVER = 4;
/** The callback has thrown. */
export const FAILED = 5;
/** The connection was closed here. */
export const CLOSE = 6;

export type Event =
  | typeof WORK
  | typeof OVER
  | typeof ENDED_WORK
  | typeof ENDED_REST
  | typeof ENDED_OVER
  | typeof FAILED
  | typeof CLOSE;

export const NOTHING = 0;
/** Call the request handler. */
export const CALL = 1;
/** Close: what was flushed still goes out, the close callbacks run, the descriptor is closed. */
export const FINISH = 2;

export type Action = typeof NOTHING | typeof CALL | typeof FINISH;

export interface Transition {
  readonly phase: Phase;
  readonly action: Action;
}

const to = (phase: Phase, action: Action = NOTHING): Transition => ({ phase, action });
/** A callback cannot end where none runs. */
const never = null;

/** In the order of the phases and events above. */
export const transition: readonly (readonly (Transition | null)[])[] = [
  // WORK, OVER, ENDED_WORK, ENDED_REST, ENDED_OVER, FAILED, CLOSE
  /* OPENING */ [
    to(OPENING),
    to(OPENING),
    to(BUSY, CALL),
    to(IDLE),
    to(CLOSED, FINISH),
    to(CLOSED, FINISH),
    to(LEAVING),
  ],
  /* IDLE */ [to(BUSY, CALL), to(CLOSED, FINISH), never, never, never, never, to(CLOSED, FINISH)],
  /* BUSY */ [
    to(BUSY),
    to(BUSY),
    to(BUSY, CALL),
    to(IDLE),
    to(CLOSED, FINISH),
    to(CLOSED, FINISH),
    to(LEAVING),
  ],
  /* LEAVING */ [
    to(LEAVING),
    to(LEAVING),
    to(CLOSED, FINISH),
    to(CLOSED, FINISH),
    to(CLOSED, FINISH),
    to(CLOSED, FINISH),
    to(LEAVING),
  ],
  /* CLOSED */ [to(CLOSED), to(CLOSED), never, never, never, never, to(CLOSED)],
];

/** What follows `event` in `phase`. */
export function follow(phase: Phase, event: Event): Transition {
  const next = transition[phase]![event];
  if (next === null || next === undefined)
    throw new Error(`no callback runs that could end: ${phase}, ${event}`);
  return next;
}
