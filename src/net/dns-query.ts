import { Resolver } from 'node:dns';
import { Flights } from './flight.ts';
import { lookupError } from './system-lookup.ts';

/** The name is there, and has none of what was asked for. */
export const NO_DATA = 'ENODATA';

/** How DNS servers are asked. */
export interface QuerySettings {
  readonly servers: readonly string[] | undefined;
  readonly timeout: number;
  readonly tries: number;
}

type Answered<T> = (error: NodeJS.ErrnoException | null, answer: T) => void;

/** Questions to DNS servers by Node's c-ares: over the event loop, without a thread. */
export class DNSQueries {
  readonly #settings: QuerySettings;
  readonly #flights = new Flights<unknown>();

  constructor(settings: QuerySettings) {
    this.#settings = settings;
  }

  /**
   * @param type the name of the question; with `name` it tells which questions are the same
   * @param ask puts the question
   */
  ask<T>(
    type: string,
    name: string,
    signal: AbortSignal | undefined,
    ask: (resolver: Resolver, callback: Answered<T>) => void,
  ): Promise<T> {
    return this.#flights.share(`${type} ${name}`, `lookup ${type} ${name}`, signal, (landing) => {
      // One for each question: only so can one question be cancelled, and it has the system's latest settings.
      const { timeout, tries, servers } = this.#settings;
      const resolver = new Resolver({ timeout, tries });
      if (servers !== undefined) resolver.setServers(servers);
      ask(resolver, (error, answer) => {
        if (error !== null) landing.fail(lookupError(name, error));
        else landing.succeed(answer);
      });
      return () => {
        resolver.cancel();
        return true;
      };
    }) as Promise<T>;
  }
}
