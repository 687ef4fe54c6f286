import {
  SharedBroadcast,
  type SharedBroadcastHandle,
  SharedChan,
  type SharedChanHandle,
} from '../../../sync/index.ts';
import type { GatewayOptions } from '../options.ts';
import { type AdmissionMemory, admissionMemory } from './shared-admission.ts';
import { counterMemory } from './shared-counters.ts';

/** The most bytes of a text between threads. Batches end far below. */
const MOST_BYTES = 128 * 1024;
/** Answers that a P may have in its channel; it has fewer batches than this under way. */
const MOST_ANSWERS = 1024;
/** Pieces of ticks that a P may be behind. */
const MOST_TICKS = 256;

/** What each P is given. */
export interface Wiring {
  readonly options: GatewayOptions;
  /** Orders for the journal, of all Ps; null: there is no journal. */
  readonly orders: SharedChanHandle | null;
  /** What became of them, for each P. */
  readonly answers: readonly SharedChanHandle[];
  /** Prices that were published at a P, on their way to where all get theirs from. */
  readonly prices: SharedChanHandle;
  /** Ticks for everybody. */
  readonly ticks: SharedBroadcastHandle;
  /** For each P, the ticks before its time, where ticks have numbers. */
  readonly past: readonly SharedChanHandle[];
  readonly counters: SharedArrayBuffer;
  readonly admission: AdmissionMemory;
  /** The number of the last order, where there is no journal. */
  readonly sequence: SharedArrayBuffer;
  /** For each P, for how many milliseconds its event loop was held at most since somebody looked; null: nobody does. */
  readonly stalls: SharedArrayBuffer | null;
}

/** The main thread's ends of it. */
export interface Ends {
  readonly orders: SharedChan<string> | null;
  readonly answers: readonly SharedChan<string>[];
  readonly prices: SharedChan<string>;
  readonly past: readonly SharedChan<string>[];
  readonly ticks: SharedBroadcast<string>;
}

export function wire(options: GatewayOptions, watched: boolean): { wiring: Wiring; ends: Ends } {
  const { procs } = options;
  const channel = (capacity: number, senders: number) =>
    new SharedChan<string>({ capacity, bytes: MOST_BYTES, senders });
  const hasJournal = options.journal !== null;
  const ends: Ends = {
    orders: hasJournal ? channel(MOST_ANSWERS, procs + 1) : null,
    answers: hasJournal ? Array.from({ length: procs }, () => channel(MOST_ANSWERS, 1)) : [],
    prices: channel(64, procs + 1),
    past: options.nats === null ? [] : Array.from({ length: procs }, () => channel(MOST_TICKS, 1)),
    ticks: new SharedBroadcast<string>({
      capacity: MOST_TICKS,
      bytes: MOST_BYTES,
      publishers: 1,
      subscribers: procs + 1,
    }),
  };
  const wiring: Wiring = {
    options,
    orders: ends.orders?.handle ?? null,
    answers: ends.answers.map(({ handle }) => handle),
    prices: ends.prices.handle,
    past: ends.past.map(({ handle }) => handle),
    ticks: ends.ticks.handle,
    counters: counterMemory(procs),
    admission: admissionMemory(procs),
    sequence: new SharedArrayBuffer(8),
    stalls: watched ? new SharedArrayBuffer(procs * 8) : null,
  };
  return { wiring, ends };
}
