/**
 * The iterations of the event loop that bring anything. libuv brings one event at a time; a turn begins with the first
 * and ends behind the poll phase, when the goroutines of all of them are through.
 */
export class Turns {
  /** Changes with each. */
  number = 1;
  #underWay = false;
  #resting: { rested(): void }[] = [];
  readonly #through: () => void;
  readonly #end = () => {
    this.#underWay = false;
    this.number = (this.number + 1) | 0;
    this.#through();
    const resting = this.#resting;
    if (resting.length === 0) return;
    this.#resting = [];
    for (const conn of resting) conn.rested();
  };

  /** `through` is called at the end of each. */
  constructor(through: () => void) {
    this.#through = through;
  }

  /** Whether it begins with this; false: it has begun before. */
  begin(): boolean {
    if (this.#underWay) return false;
    this.#underWay = true;
    setImmediate(this.#end);
    return true;
  }

  /** `conn` goes on in the next one. */
  rest(conn: { rested(): void }): void {
    this.#resting.push(conn);
  }
}
