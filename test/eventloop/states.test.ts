import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Event, Phase } from '#dist/eventloop/states.js';
import * as states from '#dist/eventloop/states.js';

const { OPENING, IDLE, BUSY, LEAVING, CLOSED } = states;
const { WORK, OVER, ENDED_WORK, ENDED_REST, ENDED_OVER, FAILED, CLOSE } = states;
const { NOTHING, CALL, FINISH } = states;

const phases = { OPENING, IDLE, BUSY, LEAVING, CLOSED };
const events = { WORK, OVER, ENDED_WORK, ENDED_REST, ENDED_OVER, FAILED, CLOSE };

/** What is expected, written down apart from the table: `phase event -> phase action`, or `never`. */
const expected = `
OPENING WORK -> OPENING NOTHING
OPENING OVER -> OPENING NOTHING
OPENING ENDED_WORK -> BUSY CALL
OPENING ENDED_REST -> IDLE NOTHING
OPENING ENDED_OVER -> CLOSED FINISH
OPENING FAILED -> CLOSED FINISH
OPENING CLOSE -> LEAVING NOTHING
IDLE WORK -> BUSY CALL
IDLE OVER -> CLOSED FINISH
IDLE ENDED_WORK -> never
IDLE ENDED_REST -> never
IDLE ENDED_OVER -> never
IDLE FAILED -> never
IDLE CLOSE -> CLOSED FINISH
BUSY WORK -> BUSY NOTHING
BUSY OVER -> BUSY NOTHING
BUSY ENDED_WORK -> BUSY CALL
BUSY ENDED_REST -> IDLE NOTHING
BUSY ENDED_OVER -> CLOSED FINISH
BUSY FAILED -> CLOSED FINISH
BUSY CLOSE -> LEAVING NOTHING
LEAVING WORK -> LEAVING NOTHING
LEAVING OVER -> LEAVING NOTHING
LEAVING ENDED_WORK -> CLOSED FINISH
LEAVING ENDED_REST -> CLOSED FINISH
LEAVING ENDED_OVER -> CLOSED FINISH
LEAVING FAILED -> CLOSED FINISH
LEAVING CLOSE -> LEAVING NOTHING
CLOSED WORK -> CLOSED NOTHING
CLOSED OVER -> CLOSED NOTHING
CLOSED ENDED_WORK -> never
CLOSED ENDED_REST -> never
CLOSED ENDED_OVER -> never
CLOSED FAILED -> never
CLOSED CLOSE -> CLOSED NOTHING
`;

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(names).find(([, each]) => each === value)![0];
}

describe('the states of a connection', () => {
  test('every event in every state', () => {
    const lines: string[] = [];
    for (const [phaseName, phase] of Object.entries(phases)) {
      for (const [eventName, event] of Object.entries(events)) {
        let outcome = 'never';
        try {
          const next = states.follow(phase as Phase, event as Event);
          outcome = `${nameOf(phases, next.phase)} ${nameOf({ NOTHING, CALL, FINISH }, next.action)}`;
        } catch (error) {
          assert.match(String(error), /no callback runs that could end/);
        }
        lines.push(`${phaseName} ${eventName} -> ${outcome}`);
      }
    }
    assert.deepEqual(lines, expected.trim().split('\n'));
  });

  test('whatever happens: one callback at a time, the close once and only when none runs, and nothing after it', () => {
    const anything = fc.array(fc.constantFrom(...Object.values(events)), { maxLength: 60 });
    fc.assert(
      fc.property(anything, (happening) => {
        let phase: Phase = OPENING;
        let running = true;
        let finished = 0;
        for (const event of happening) {
          const ends = event === FAILED || (event >= ENDED_WORK && event <= ENDED_OVER);
          // What a connection can bring about: a callback ends only if one runs.
          if (ends && !running) continue;
          if (ends) running = false;
          const next = states.follow(phase as Phase, event as Event);
          phase = next.phase;
          if (next.action === CALL) {
            assert.equal(running, false);
            assert.equal(finished, 0);
            running = true;
          }
          if (next.action === FINISH) {
            assert.equal(running, false);
            finished++;
          }
          assert.ok(finished <= 1);
          assert.equal(phase === CLOSED, finished === 1);
          assert.equal(running, phase === OPENING || phase === BUSY || phase === LEAVING);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
