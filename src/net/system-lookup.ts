import { lookup, lookupService } from 'node:dns';
import { DNSError } from './errors.ts';
import { Flights } from './flight.ts';
import { LookupThreads } from './lookup-threads.ts';

/** The calls of node:dns that block a thread, as far as we use them. */
export interface SystemCalls {
  addresses(
    host: string,
    family: 0 | 4 | 6,
    callback: (error: NodeJS.ErrnoException | null, addresses: readonly string[]) => void,
  ): void;
  name(address: string, callback: (error: NodeJS.ErrnoException | null, name: string) => void): void;
}

const node: SystemCalls = {
  addresses(host, family, callback) {
    // The order is the system's: it sorts by RFC 6724 and knows this machine's addresses.
    lookup(host, { all: true, family, verbatim: true }, (error, found) =>
      callback(error, error === null ? found.map(({ address }) => address) : []),
    );
  },
  name(address, callback) {
    lookupService(address, 0, callback);
  },
};

/** The error of a failed lookup, whatever Node said. */
export function lookupError(what: string, cause: unknown): DNSError {
  return new DNSError(what, (cause as NodeJS.ErrnoException).code ?? 'ENOTFOUND', cause);
}

/**
 * The system's own resolver: hosts file, DNS, mDNS, whatever it is set up for. It blocks a thread for as long as it
 * takes, and nothing can stop it: so it gets few, and who stops waiting leaves it behind.
 */
export class SystemLookup {
  readonly #calls: SystemCalls;
  readonly #threads: LookupThreads;
  readonly #flights = new Flights<readonly string[]>();

  constructor(calls: SystemCalls = node, threads: LookupThreads = new LookupThreads()) {
    this.#calls = calls;
    this.#threads = threads;
  }

  addresses(host: string, family: 0 | 4 | 6, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#flights.share(`${family} ${host}`, `lookup ${host}`, signal, (landing) =>
      this.#threads.run((done) => {
        this.#calls.addresses(host, family, (error, found) => {
          done();
          if (error !== null) landing.fail(lookupError(host, error));
          else if (found.length === 0) landing.fail(new DNSError(host, 'ENOTFOUND', undefined));
          else landing.succeed(found);
        });
      }),
    );
  }

  names(address: string, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#flights.share(`name ${address}`, `lookup ${address}`, signal, (landing) =>
      this.#threads.run((done) => {
        this.#calls.name(address, (error, name) => {
          done();
          if (error !== null) landing.fail(lookupError(address, error));
          // Where there is no name the system gives the address back.
          else if (name === address) landing.fail(new DNSError(address, 'ENOTFOUND', undefined));
          else landing.succeed([name]);
        });
      }),
    );
  }
}
