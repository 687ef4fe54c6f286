import { readFileSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { residentMemory } from '../lib/memory.ts';

/** How often the loop is looked at, in milliseconds. */
const RESOLUTION = 5;

/** What this process costs: memory, threads, and how long its event loop was held. */
export class Vitals {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  readonly #stallOfOthers: () => number;
  longestStall = 0;
  mostMemory = 0;
  mostThreads = 0;

  /** `stallOfOthers`: for how many milliseconds another thread's event loop was held, since it was last asked. */
  constructor(stallOfOthers: () => number) {
    this.#stallOfOthers = stallOfOthers;
  }

  start(): void {
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  /** The figures since the last call: bytes, a count, milliseconds. */
  read(): { memory: number; threads: number; stall: number } {
    const stall = Math.max(0, this.#delay.max / 1e6 - RESOLUTION, this.#stallOfOthers());
    this.#delay.reset();
    const memory = residentMemory() ?? this.mostMemory;
    const threads = threadCount();
    this.longestStall = Math.max(this.longestStall, stall);
    this.mostMemory = Math.max(this.mostMemory, memory);
    this.mostThreads = Math.max(this.mostThreads, threads);
    return { memory, threads, stall };
  }
}

/** OS threads of this process; 0 where the system does not say. */
function threadCount(): number {
  try {
    return Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
