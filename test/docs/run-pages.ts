// Every TypeScript block of README.md, docs/ and examples/ is compiled against the package and run in a process of its
// own, with real sockets. What the words behind ```ts mean stands in programs.ts. Several test files, so that each is
// through in time on a busy machine.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { allPrograms, compile, Running } from './programs.ts';
import { scenarios } from './scenarios/index.ts';

const all = allPrograms();

/** Tests for the programs of some pages. `group` is a folder of build/. */
export function runPages(group: string, isPart: (page: string) => boolean): void {
  const programs = all
    .map((program, index) => ({ program, index }))
    .filter(({ program }) => isPart(program.page));
  describe(`the programs on the pages: ${group}`, { concurrency: 2 }, () => {
    let complaints: string | null = null;

    before(() => {
      complaints = compile(
        group,
        programs.map(({ program }) => program),
        scenarios,
      );
    });

    test('they compile', () => {
      assert.ok(programs.length > 0);
      assert.equal(complaints, '');
    });

    for (const { program, index } of programs) {
      if (!program.runs) continue;
      const scenario = scenarios.get(program.id) ?? {};
      test(`${program.id} runs`, { skip: scenario.skip ?? false }, async () => {
        assert.equal(complaints, '', 'it does not compile');
        const running = await Running.start(program, group, index, scenario);
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
}
