/** The connections of one address. */
export interface Place {
  readonly host: string;
  connections: number;
}

/** How many connections each address has: one record for all of them. */
export class Places {
  readonly #places = new Map<string, Place>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** One more from `host`; null: it has as many as it may. */
  take(host: string): Place | null {
    let place = this.#places.get(host);
    if (place === undefined) {
      place = { host, connections: 0 };
      this.#places.set(host, place);
    }
    if (place.connections >= this.#most) return null;
    place.connections++;
    return place;
  }

  giveBack(place: Place): void {
    place.connections--;
    if (place.connections === 0) this.#places.delete(place.host);
  }
}
