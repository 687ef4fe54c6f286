import type { Driver, Poller } from '../poll/index.ts';
import { type LoadBalance, settings } from './pool.ts';

/** How many connections each poller set of one driver has, and which the next one goes to. */
export class Balance {
  readonly #driver: Driver;
  readonly #counts: number[] = [];
  #last = -1;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** The poller set for a new connection, which counts there from now on. */
  pick(): number {
    const wanted = settings.pollers;
    if (this.#counts.length < wanted) {
      const count = Math.min(wanted, this.#driver.pollers(wanted));
      while (this.#counts.length < count) this.#counts.push(0);
    }
    const poller = choose(
      settings.loadBalance,
      this.#counts,
      Math.min(wanted, this.#counts.length),
      ++this.#last,
    );
    this.#counts[poller]!++;
    return poller;
  }

  left(poller: number): void {
    this.#counts[poller]!--;
  }

  /** Connections of each poller set. */
  get counts(): readonly number[] {
    return this.#counts;
  }
}

function choose(policy: LoadBalance, counts: readonly number[], most: number, turn: number): number {
  if (most === 1) return 0;
  if (policy === 'random') return Math.floor(Math.random() * most);
  if (policy === 'round-robin') return turn % most;
  let least = 0;
  for (let i = 1; i < most; i++) if (counts[i]! < counts[least]!) least = i;
  return least;
}

const balances = new WeakMap<Poller, Balance>();

/** How the connections of a poller are spread over its sets: by all event loops together. */
export function balanceOf(poller: Poller): Balance {
  let balance = balances.get(poller);
  if (balance === undefined) {
    balance = new Balance(poller.driver);
    balances.set(poller, balance);
  }
  return balance;
}
