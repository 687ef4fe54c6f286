// The declarations stand by themselves: a program that checks its libraries, too (`skipLibCheck: false`), compiles.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './docstrings.ts';

test('the declarations of every package compile in a strict program without any setting of ours', () => {
  const target = join(root, 'build', 'doc-types');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  const packages = Object.keys(exports).filter((path) => !path.endsWith('.json'));
  const imports = packages.map((path, i) => `export * as p${i} from 'gopark${path.slice(1)}';\n`);
  writeFileSync(join(target, 'all.ts'), imports.join(''));
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    lib: ['ES2023', 'ESNext.Disposable'],
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(join(target, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', target, '--pretty', 'false'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});
