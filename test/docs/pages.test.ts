// Every TypeScript block of README.md, docs/ and examples/ is compiled against the package and run in a process of its
// own, with real sockets. What the words behind ```ts mean stands in programs.ts.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { allPrograms, compile, Running } from './programs.ts';
import { scenarios } from './scenarios/index.ts';

const programs = allPrograms();
/** Blocks that are compiled and not run; each is one claim less that this suite holds. */
const NOT_RUN = 6;

describe('the programs on the pages', { concurrency: 2 }, () => {
  let complaints: string | null = null;

  before(() => {
    complaints = compile(programs, scenarios);
  });

  test('compile', () => {
    assert.equal(complaints, '');
  });

  test('nearly all of them run', (t) => {
    const only = programs.filter(({ runs }) => !runs).map(({ id }) => id);
    t.diagnostic(`${programs.length} programs, compiled and not run: ${only.join(', ')}`);
    assert.ok(programs.length > 25, `only ${programs.length} programs were found`);
    assert.ok(only.length <= NOT_RUN, `${only.length} are only compiled: ${only.join(', ')}`);
  });

  test('no scenario has lost its program', () => {
    const ids = new Set(programs.map(({ id }) => id));
    assert.deepEqual(
      [...scenarios.keys()].filter((id) => !ids.has(id)),
      [],
    );
  });

  for (const [index, program] of programs.entries()) {
    if (!program.runs) continue;
    const scenario = scenarios.get(program.id) ?? {};
    test(`${program.id} runs`, { skip: scenario.skip ?? false }, async () => {
      assert.equal(complaints, '', 'it does not compile');
      const running = await Running.start(program, index, scenario);
      try {
        await scenario.drive?.(running);
      } catch (error) {
        running.kill();
        const { exit, stdout, stderr } = await running.ended;
        throw new Error(`${program.id}: exit ${exit}\nstdout: ${stdout}\nstderr: ${stderr}`, {
          cause: error,
        });
      }
      const { exit, stdout, stderr } = await running.ended;
      if (scenario.stderr === undefined) assert.equal(stderr, '');
      else assert.match(stderr, scenario.stderr);
      assert.equal(exit, scenario.exit ?? 0, stdout);
      if (typeof scenario.stdout === 'string') assert.equal(stdout, scenario.stdout);
      else if (scenario.stdout !== undefined) assert.match(stdout, scenario.stdout);
    });
  }
});
