import type { Admission, Place } from './admission.ts';

/** The connections of one address. */
interface Shared extends Place {
  connections: number;
}

/** How many connections there are, and how many each address has: one record for all of them. */
export class Places implements Admission {
  readonly #places = new Map<string, Shared>();
  readonly #most: number;
  readonly #mostPerAddress: number;
  #connections = 0;

  constructor(limits: { maxConnections: number; maxPerAddress: number }) {
    this.#most = limits.maxConnections;
    this.#mostPerAddress = limits.maxPerAddress;
  }

  take(host: string): Place | null {
    if (this.#connections >= this.#most) return null;
    let place = this.#places.get(host);
    if (place === undefined) {
      place = { host, connections: 0 };
      this.#places.set(host, place);
    }
    if (place.connections >= this.#mostPerAddress) return null;
    place.connections++;
    this.#connections++;
    return place;
  }

  giveBack(place: Place): void {
    const shared = place as Shared;
    this.#connections--;
    shared.connections--;
    if (shared.connections === 0) this.#places.delete(shared.host);
  }
}
