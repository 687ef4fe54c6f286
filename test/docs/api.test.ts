// docs/api is what `npm run docs` makes of the code as it is now.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { exportsOf, root } from './docstrings.ts';

const { generate } = (await import(pathToFileURL(join(root, 'scripts/docs.mjs')).href)) as {
  generate(): Map<string, string>;
};
const generated = generate();

test('docs/api is current; else: npm run docs', () => {
  const stale: string[] = [];
  for (const [name, text] of generated) {
    const path = join(root, 'docs/api', name);
    try {
      if (readFileSync(path, 'utf8') === text) continue;
    } catch {
      // It is missing: as stale as one that differs.
    }
    stale.push(`docs/api/${name}`);
  }
  assert.deepEqual(stale, [], 'run `npm run docs` and commit what it writes');
  assert.deepEqual(readdirSync(join(root, 'docs/api')).sort(), [...generated.keys()].sort());
});

test('every export of every package has a section', () => {
  for (const [page, text] of generated) {
    if (page === 'README.md' || page === 'gopark.md') continue;
    const missing = exportsOf(page.replace('.md', '')).filter(({ name }) => !text.includes(`\n## ${name}\n`));
    assert.deepEqual(
      missing.map(({ name }) => name),
      [],
      page,
    );
  }
});

test('no internal or private member is shown', () => {
  for (const [page, text] of generated) {
    assert.doesNotMatch(text, /^(?:private|protected) |#private|@internal/m, page);
  }
});

test('every link of the reference leads to a heading', () => {
  const anchors = new Map<string, Set<string>>();
  for (const [page, text] of generated) {
    const seen = new Map<string, number>();
    const all = new Set<string>();
    for (const [, heading] of text.matchAll(/^## (\w+)$/gm)) {
      const anchor = heading!.toLowerCase();
      const count = seen.get(anchor) ?? 0;
      seen.set(anchor, count + 1);
      all.add(count === 0 ? anchor : `${anchor}-${count}`);
    }
    anchors.set(page, all);
  }
  const broken: string[] = [];
  for (const [page, text] of generated) {
    for (const [, link] of text.matchAll(/\]\(([\w.-]*(?:#[\w-]*)?)\)/g)) {
      const [file, anchor] = link!.split('#');
      const target = anchors.get(file === '' ? page : join(dirname(page), file!));
      if (target === undefined || (anchor !== undefined && !target.has(anchor)))
        broken.push(`${page}: ${link}`);
    }
  }
  assert.deepEqual(broken, []);
});
