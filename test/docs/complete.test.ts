// Lists on the pages name all that the code has: options, environment variables, capabilities, exports of package.json.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './docstrings.ts';
import { textOf } from './markdown.ts';

function sources(): string {
  const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
    .join('\n');
}

test('docs/operating.md names every environment variable that is read', () => {
  const read = new Set(
    [...sources().matchAll(/\benv\??\.(?:GOPARK_\w+|[A-Z][A-Z0-9_]{3,})/g)].map(([text]) => text),
  );
  const names = [...read].map((text) => text.replace(/^env\??\./, ''));
  assert.ok(names.includes('GOPARK_DRIVER'), 'the search finds nothing');
  const page = textOf('docs/operating.md');
  assert.deepEqual(
    names.filter((name) => !page.includes(`\`${name}`)),
    [],
  );
});

test('docs/drivers.md has a row for every capability', () => {
  const text = readFileSync(join(root, 'src/poll/driver.ts'), 'utf8');
  const union = /export type Capability =([\s\S]*?);/.exec(text)![1]!;
  const capabilities = [...union.matchAll(/\| '(\w+)'/g)].map(([, name]) => name!);
  assert.ok(capabilities.length > 20);
  const page = textOf('docs/drivers.md');
  assert.deepEqual(
    capabilities.filter((name) => !page.includes(`| \`${name}\` |`)),
    [],
  );
});

for (const command of ['gateway', 'proxy', 'bench']) {
  test(`docs/${command}.md and gopark ${command} --help name the same options`, () => {
    const main = join(root, 'dist/cli/main.js');
    const { stdout } = spawnSync(process.execPath, [main, command, '--help'], { encoding: 'utf8' });
    const helped = new Set([...stdout.matchAll(/^\s+--([\w-]+)/gm)].map(([, name]) => name!));
    const page = textOf(`docs/${command}.md`);
    const told = new Set([...page.matchAll(/^\| `--([\w-]+)/gm)].map(([, name]) => name!));
    assert.ok(helped.size > 10);
    assert.deepEqual(
      [...helped].filter((name) => !page.includes(`--${name}`)),
      [],
    );
    // The demo's own options stand on the page only.
    const demo = command === 'gateway' ? ['connections', 'seconds', 'rate', 'symbols'] : [];
    assert.deepEqual(
      [...told].filter((name) => !stdout.includes(`--${name}`) && !demo.includes(name)),
      [],
    );
  });
}

test('README.md names every package', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  const page = textOf('README.md');
  const names = Object.keys(exports).filter((path) => path !== '.' && !path.endsWith('.json'));
  // All of gopark/runtime is in gopark.
  const missing = names.filter(
    (path) => path !== './runtime' && !page.includes(`\`gopark${path.slice(1)}\``),
  );
  assert.deepEqual(missing, []);
});
