import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { docstringOf, examples, exportsOf, root } from './docstrings.ts';

test('every example in a docstring compiles against the built package', () => {
  const target = join(root, 'build', 'doc-examples');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const all = examples();
  assert.ok(all.length > 50, `only ${all.length} examples were found`);
  for (const { file, line, code } of all) {
    const name = `${file
      .replace(/^src\//, '')
      .replace(/\.ts$/, '')
      .replaceAll('/', '-')}-${line}.ts`;
    writeFileSync(join(target, name), `// ${file}:${line}\n${code}\nexport {};\n`);
  }
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions: {
      noEmit: true,
      composite: false,
      incremental: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      lib: ['ES2023', 'ESNext.Disposable', 'ESNext.Collection'],
    },
    include: ['*.ts'],
  };
  writeFileSync(join(target, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', target, '--pretty', 'false'], { encoding: 'utf8' });
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}`);
});

for (const packageName of [
  'io',
  'bufio',
  'bytes',
  'compat',
  'eventloop',
  'linkbuffer',
  'net',
  'os',
  'runtime',
  'serve',
  'sync',
]) {
  test(`every public name of gopark/${packageName} has a docstring with an example`, () => {
    const names = exportsOf(packageName);
    assert.ok(names.length > 3);
    const bare = names.filter(({ name, file }) => !docstringOf(name, file)?.includes('@example'));
    assert.deepEqual(
      bare.map(({ name }) => name),
      [],
    );
  });
}
