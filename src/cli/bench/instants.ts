/** A queue of instants that grows as it has to. */
export class Instants {
  #ring = new Float64Array(4);
  #first = 0;
  length = 0;

  push(instant: number): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#ring[(this.#first + this.length++) & (this.#ring.length - 1)] = instant;
  }

  /** The oldest one; there must be one. */
  shift(): number {
    const instant = this.#ring[this.#first]!;
    this.#first = (this.#first + 1) & (this.#ring.length - 1);
    this.length--;
    return instant;
  }

  #grow(): void {
    const ring = new Float64Array(2 * this.#ring.length);
    for (let i = 0; i < this.length; i++) ring[i] = this.#ring[(this.#first + i) & (this.#ring.length - 1)]!;
    this.#ring = ring;
    this.#first = 0;
  }
}
