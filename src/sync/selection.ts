import type { Parked } from '../runtime/park.ts';
import { park } from '../runtime/park.ts';
import { beginWait, endWait, Wait } from '../runtime/waits.ts';
import type { SelectCase } from './select-cases.ts';
import { wake } from './wake.ts';

/** What stands somewhere for a parked select, until one of them is chosen. */
export interface Arm {
  /** Leaves where it stands. */
  disarm(): void;
}

/** Goes on with the chosen case, in the goroutine of the select. */
type Continue = () => unknown;

/** One parked `select`: exactly one of its arms is chosen, and then none is left standing anywhere. */
export class Selection extends Wait implements Parked<Continue> {
  readonly waitReason = 'select';
  resolve!: (value: Continue) => void;
  reject!: (reason: unknown) => void;
  readonly #cases: readonly SelectCase<unknown>[];
  readonly #arms: (Arm | null)[] = [];

  constructor(cases: readonly SelectCase<unknown>[]) {
    super();
    this.#cases = cases;
  }

  begin(): Promise<Continue> {
    const promise = park<Continue>(this);
    beginWait(this);
    for (const one of this.#cases) this.#arms.push(one.arm(this));
    return promise;
  }

  override get mayEndByItself(): boolean {
    return this.#cases.some((one) => one.external);
  }

  override describeWait(): string {
    const told = this.#cases.map((one) => one.describe()).filter((text) => text !== '');
    return told.length === 0 ? 'no cases' : told.join(', ');
  }

  /** The arm has left where it stood: its case is the one. */
  choose(arm: Arm, value: unknown, ok: boolean): void {
    const chosen = this.#end(arm);
    wake(this, () => chosen.run(value, ok));
  }

  /** The same for an arm that failed: so does the select. */
  fail(arm: Arm, error: unknown): void {
    this.#end(arm);
    this.reject(error);
  }

  #end(arm: Arm): SelectCase<unknown> {
    let index = 0;
    for (let i = 0; i < this.#arms.length; i++) {
      const other = this.#arms[i]!;
      if (other === arm) index = i;
      else other?.disarm();
    }
    endWait(this);
    return this.#cases[index]!;
  }
}
