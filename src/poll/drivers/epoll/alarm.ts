import { now } from '../../../runtime/clock.ts';
import type { Alarm } from '../../alarm.ts';
import type { Native } from './native.ts';

/** So often two clocks are looked at together: the narrowest look counts. */
const LOOKS = 16;

/** How far the native part's clock is ahead of ours, in milliseconds. */
function clockOffset(native: Native): number {
  let [narrowest, offset] = [Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < LOOKS; i++) {
    const before = now();
    const at = native.alarmClock();
    const width = now() - before;
    if (width >= narrowest) continue;
    narrowest = width;
    offset = at - before - width / 2;
  }
  return offset;
}

/** native/alarm.c, which reads when it is due from memory that we share. */
export class NativeAlarm implements Alarm {
  readonly #native: Native;
  readonly #due = new Float64Array([Number.POSITIVE_INFINITY]);
  readonly #offset: number;
  readonly #alarm: unknown;

  /** Or a negated errno. */
  static open(native: Native, onDue: () => void, close: number): NativeAlarm | number {
    const alarm = new NativeAlarm(native, onDue, close);
    return typeof alarm.#alarm === 'number' ? alarm.#alarm : alarm;
  }

  private constructor(native: Native, onDue: () => void, close: number) {
    this.#native = native;
    this.#offset = clockOffset(native);
    this.#alarm = native.alarmOpen(this.#due, close, onDue);
  }

  set(when: number): void {
    this.#due[0] = when + this.#offset;
  }

  close(): void {
    this.#native.alarmClose(this.#alarm);
  }
}
