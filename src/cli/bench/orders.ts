import type { Counts } from './counts.ts';
import type { Plan } from './load.ts';

/** What the main process tells a process of the load. */
export type Order =
  | { readonly order: 'open'; readonly plan: Plan }
  | { readonly order: 'start'; readonly messages: number }
  | { readonly order: 'rehearse' | 'measure' | 'halt' | 'close' };

/** And what that tells: its order has been carried out ('open', 'halt') or has failed, and what goes on meanwhile. */
export type News =
  | { readonly news: 'done'; readonly counts: Counts }
  | { readonly news: 'failed'; readonly code: string; readonly message: string }
  | { readonly news: 'latencies'; readonly latencies: Float64Array }
  | { readonly news: 'counts'; readonly counts: Counts }
  | { readonly news: 'spent' };
