// `npm run docs`: writes docs/api, a page for each package, from the docstrings in the declarations that tsc has
// emitted. test/docs/api.test.ts holds these pages to the code. What reads the declarations is TypeScript's own
// parser and checker; its interface is not stable yet, which is why the version is pinned in package.json.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SyntaxKind } from 'typescript/unstable/ast';
import { API, SymbolFlags } from 'typescript/unstable/sync';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}docs/api/`;

/** What each package is, for the head of its page and for the index; the order is the index's. */
const PACKAGES = {
  '.': 'goroutines, channels, what everybody waits for; the other packages as namespaces',
  net: 'connections over TCP, Unix sockets and UDP: dial, listen, deadlines, errors, addresses, the resolver',
  io: 'Reader, Writer and the functions over them',
  bufio: 'buffered Reader and Writer, Scanner, split functions',
  bytes: 'Buffer and Reader over bytes in memory',
  sync: 'Chan, select, locks, groups, contexts, tickers, channels between threads',
  os: 'files, the file pool, AsyncWriter, standard input and output',
  eventloop: "Netpoll's model: callbacks for many connections",
  linkbuffer: 'linked, reference-counted blocks of bytes',
  serve: 'many cores: Ps in worker threads',
  compat: 'Node streams (tls, http, clients), web streams and async iterables',
  debug: 'dumps and numbers as data, Prometheus and OpenTelemetry, a live page',
  runtime: 'goroutines, errors that end them, dumps, numbers; all of it is in `gopark`, too',
};

const titleOf = (name) => (name === '.' ? 'gopark' : `gopark/${name}`);
const pageOf = (name) => (name === '.' ? 'gopark.md' : `${name}.md`);

/** The packages and the declarations that package.json exports. */
function entries() {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const found = Object.entries(exports).filter(([, value]) => typeof value === 'object');
  return found.map(([path, { types }]) => ({
    name: path.replace(/^\.\//, ''),
    types: `${root}${types.slice(2)}`,
  }));
}

/** The anchors of headings as GitHub makes them: in lower case, and numbered where two are the same. */
function anchorsOf(names) {
  const anchors = new Map();
  const seen = new Map();
  for (const name of names) {
    const anchor = name.toLowerCase();
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    anchors.set(name, count === 0 ? anchor : `${anchor}-${count}`);
  }
  return anchors;
}

/** Of each page, as pages() fills it in. */
const anchors = new Map();
const anchorOf = (page, name) => anchors.get(page).get(name);

/** The paragraphs of a docstring and its tags. */
function parseDocstring(text) {
  const lines = text
    .replace(/^\/\*\*[ \t]?|[ \t]*\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^[ \t]*\* ?/, ''));
  const doc = { text: '', tags: [] };
  let inFence = false;
  for (const line of lines) {
    const tag = inFence ? null : /^@(\w+)\s*(.*)$/.exec(line);
    if (tag !== null) doc.tags.push({ name: tag[1], text: `${tag[2]}\n` });
    else if (doc.tags.length > 0) doc.tags.at(-1).text += `${line}\n`;
    else doc.text += `${line}\n`;
    if (line.startsWith('```')) inFence = !inFence;
  }
  doc.text = doc.text.trim();
  return doc;
}

function docstringOf(node, file) {
  const comment = node.jsDoc?.at(-1);
  return comment === undefined ? null : parseDocstring(file.text.slice(comment.pos, comment.end).trim());
}

/** A declaration as it stands, without its docstring, comments and the words that only a .d.ts needs. */
function textOf(node, file) {
  return file.text
    .slice(node.getStart(file), node.end)
    .replace(/^export (default )?/, '')
    .replace(/^declare /, '');
}

const HIDDEN = new Set([SyntaxKind.PrivateKeyword, SyntaxKind.ProtectedKeyword]);

/** What a member is called on its page; null for what is nobody's business. */
function memberName(member, file) {
  if (member.modifiers?.some(({ kind }) => HIDDEN.has(kind))) return null;
  if (member.kind === SyntaxKind.Constructor) return 'constructor';
  if (member.name === undefined) return '';
  const name = member.name.getText(file);
  return name.startsWith('#') ? null : name;
}

/** The members of a class or interface: overloads of one name stand together. */
function membersOf(node, file) {
  const members = [];
  for (const member of node.members) {
    const name = memberName(member, file);
    if (name === null) continue;
    const doc = docstringOf(member, file);
    if (doc?.tags.some(({ name: tag }) => tag === 'internal')) continue;
    const text = textOf(member, file).replace(/\s*\n\s*/g, ' ');
    const last = members.at(-1);
    const isMethod = [
      SyntaxKind.MethodDeclaration,
      SyntaxKind.MethodSignature,
      SyntaxKind.Constructor,
    ].includes(member.kind);
    if (last !== undefined && isMethod && last.isMethod && last.name === name) {
      last.texts.push(text);
      last.doc ??= doc;
    } else members.push({ name, isMethod, texts: [text], doc });
  }
  return members;
}

const resolved = (symbol, checker) =>
  symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

/** What a class has from classes that no package exports: for its users it is its own. */
function inheritedBy(node, names, checker, project) {
  const clause = node.heritageClauses?.find(({ token }) => token === SyntaxKind.ExtendsKeyword);
  const base = clause === undefined ? undefined : checker.getSymbolAtLocation(clause.types[0].expression);
  if (base === undefined || names.has(base.name)) return [];
  const declaration = resolved(base, checker).declarations?.[0]?.resolve(project);
  if (declaration?.kind !== SyntaxKind.ClassDeclaration) return [];
  const isOwn = ({ name }) => name !== 'constructor';
  return [
    ...membersOf(declaration, declaration.getSourceFile()).filter(isOwn),
    ...inheritedBy(declaration, names, checker, project),
  ];
}

/** All that a page says of one export. `names`: what any package exports. */
function describe(exported, names, checker, project) {
  const symbol = resolved(exported, checker);
  const declarations = symbol.declarations.map((handle) => handle.resolve(project));
  const parts = [];
  let doc = null;
  for (let node of declarations) {
    const file = node.getSourceFile();
    // A variable's docstring belongs to its statement.
    while (node.kind === SyntaxKind.VariableDeclaration || node.kind === SyntaxKind.VariableDeclarationList)
      node = node.parent;
    doc ??= docstringOf(node, file);
    if (node.kind === SyntaxKind.SourceFile) continue;
    if (node.kind === SyntaxKind.ClassDeclaration || node.kind === SyntaxKind.InterfaceDeclaration) {
      const end = node.members.length > 0 ? file.text.lastIndexOf('{', node.members[0].pos) : node.end - 2;
      const head = file.text
        .slice(node.getStart(file), end)
        .replace(/^export (default )?/, '')
        .replace(/^declare /, '');
      const members = membersOf(node, file);
      for (const member of inheritedBy(node, names, checker, project)) {
        if (members.every(({ name }) => name !== member.name)) members.push(member);
      }
      parts.push({ head: head.trim().replace(/\s*\{$/, ''), members });
    } else {
      parts.push({ head: textOf(node, file), members: [] });
    }
  }
  return { name: exported.name, symbol, doc, parts };
}

function kindOf({ symbol }) {
  if (symbol.flags & SymbolFlags.Class) return 'class';
  if (symbol.flags & SymbolFlags.Interface) return 'interface';
  if (symbol.flags & SymbolFlags.TypeAlias) return 'type';
  if (symbol.flags & SymbolFlags.Function) return 'function';
  if (symbol.flags & SymbolFlags.ValueModule) return 'namespace';
  return 'value';
}

const firstSentence = (doc) =>
  doc === null
    ? ''
    : doc.text
        .split('\n\n')[0]
        .replace(/\n/g, ' ')
        .replace(/([.:])\s.*$/s, '$1')
        .replace(/:$/, '.');

/** Links the names in code spans to where they are described. */
function linked(text, page, own, homes) {
  return text
    .split(/(^```[\s\S]*?^```)/m)
    .map((piece, index) =>
      index % 2 === 1
        ? piece
        : piece.replace(/`([A-Za-z]\w*)(\(\))?`/g, (span, name) => {
            const home = homes.get(name);
            if (home === undefined || name === own) return span;
            const to = home.includes(page) ? page : home[0];
            return `[${span}](${to === page ? '' : pageOf(to)}#${anchorOf(to, name)})`;
          }),
    )
    .join('');
}

function tagLines(tags) {
  const out = [];
  for (const { name, text } of tags) {
    const body = text.trim();
    if (name === 'example') out.push('', body);
    else if (name === 'param')
      out.push('', `- \`${body.split(/\s+/)[0]}\`: ${body.replace(/^\S+\s+/, '').replace(/\n/g, ' ')}`);
    else if (name === 'returns') out.push('', `Returns ${body.replace(/\n/g, ' ')}`);
    else if (name === 'throws') out.push('', `Throws ${body.replace(/\n/g, ' ')}`);
    else out.push('', `${name}: ${body}`);
  }
  return out;
}

function section(item, page, homes) {
  const out = ['', `## ${item.name}`];
  const say = (text) => linked(text, page, item.name, homes);
  const shared = homes.get(item.name);
  if (shared[0] !== page) {
    out.push(
      '',
      `The same as [\`${item.name}\` of ${titleOf(shared[0])}](${pageOf(shared[0])}#${anchorOf(shared[0], item.name)}).`,
    );
    if (item.doc !== null) out.push('', say(firstSentence(item.doc)));
    return out;
  }
  for (const { head } of item.parts) out.push('', '```ts', head, '```');
  const bases = item.parts.flatMap(({ head }) => [
    ...head.replace(/<[^>]*>/g, '').matchAll(/\b(?:extends|implements|,) (\w+)/g),
  ]);
  const known = [...new Set(bases.map(([, base]) => base))].filter(
    (base) => base !== item.name && homes.has(base),
  );
  if (known.length > 0)
    out.push('', say(`It has what these have, too: ${known.map((base) => `\`${base}\``).join(', ')}.`));
  if (item.doc !== null) {
    if (item.doc.text !== '') out.push('', say(item.doc.text));
    out.push(...tagLines(item.doc.tags).map(say));
  }
  for (const { members } of item.parts) {
    for (const { texts, doc } of members) {
      out.push('', '---', '', '```ts', ...texts, '```');
      if (doc === null) continue;
      if (doc.text !== '') out.push('', say(doc.text));
      out.push(...tagLines(doc.tags).map(say));
    }
  }
  return out;
}

const GENERATED = 'Written by `npm run docs` from the docstrings in `src/`: change those.';

/** The pages: a file name in docs/api and its text. */
export function generate() {
  const build = `${root}build/api/`;
  mkdirSync(build, { recursive: true });
  const packages = entries();
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions: { noEmit: true, composite: false, incremental: false },
    files: packages.map(({ types }) => types),
  };
  writeFileSync(`${build}tsconfig.json`, JSON.stringify(config));
  const api = new API({ cwd: root });
  try {
    const [project] = api.updateSnapshot({ openProjects: [`${build}tsconfig.json`] }).getProjects();
    const { checker, program } = project;
    const exportsOf = (types) =>
      checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(types)));
    const names = new Set(packages.flatMap(({ types }) => exportsOf(types).map(({ name }) => name)));
    const described = packages.map(({ name, types }) => {
      if (PACKAGES[name] === undefined)
        throw new Error(`scripts/docs.mjs does not say what ${titleOf(name)} is`);
      const items = exportsOf(types).map((one) => describe(one, names, checker, project));
      items.sort((a, b) => (a.name < b.name ? -1 : 1));
      return { name, items };
    });
    return pages(described);
  } finally {
    api.close();
  }
}

/** Which pages have a name; the first is where it is described: the package itself rather than the root or another. */
function homesOf(described) {
  const homes = new Map();
  for (const { name, items } of described) {
    for (const item of items) {
      if (kindOf(item) === 'namespace') continue;
      const list = homes.get(item.name) ?? [];
      const file = item.symbol.declarations[0]?.path ?? '';
      if (name !== '.' && file.includes(`/dist/${name}/`)) list.unshift(name);
      else list.push(name);
      homes.set(item.name, list);
    }
  }
  // Reader and Writer without more are io's.
  for (const list of homes.values()) list.sort((a, b) => Number(b === 'io') - Number(a === 'io'));
  return homes;
}

function pages(described) {
  const homes = homesOf(described);
  const order = Object.keys(PACKAGES);
  const sorted = [...described].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const index = [
    '# API reference',
    '',
    GENERATED,
    '',
    '| package | exports | what |',
    '| --- | ---: | --- |',
  ];
  const result = new Map();
  for (const { name, items } of described) {
    anchors.set(
      name,
      anchorsOf(items.filter((item) => kindOf(item) !== 'namespace').map((item) => item.name)),
    );
  }
  for (const { name, items } of sorted) {
    index.push(`| [\`${titleOf(name)}\`](${pageOf(name)}) | ${items.length} | ${PACKAGES[name]} |`);
    const out = [
      `# ${titleOf(name)}`,
      '',
      `${GENERATED} [All packages](README.md).`,
      '',
      '| export | | |',
      '| --- | --- | --- |',
    ];
    const real = items.filter((item) => kindOf(item) !== 'namespace');
    for (const item of items) {
      if (kindOf(item) === 'namespace') {
        out.push(
          `| [\`${item.name}\`](${pageOf(item.name)}) | namespace | the package ${titleOf(item.name)} |`,
        );
      } else {
        const says = firstSentence(item.doc).replaceAll('|', '\\|');
        out.push(`| [\`${item.name}\`](#${anchorOf(name, item.name)}) | ${kindOf(item)} | ${says} |`);
      }
    }
    // Two packages may have different things of one name, io.Reader and bufio.Reader: each is described on its page.
    const local = new Map(homes);
    for (const item of real) {
      const file = item.symbol.declarations[0]?.path ?? '';
      const elsewhere = homes.get(item.name).filter((home) => home !== name);
      const isOwn = name !== '.' && file.includes(`/dist/${name}/`);
      const described2 = elsewhere.find((home) => file.includes(`/dist/${home}/`));
      local.set(item.name, isOwn || described2 === undefined ? [name] : [described2, name]);
    }
    for (const item of real) out.push(...section(item, name, local));
    result.set(pageOf(name), `${out.join('\n')}\n`);
  }
  result.set('README.md', `${index.join('\n')}\n`);
  return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { setup } = await import('./setup.mjs');
  setup({ projects: ['src'] });
  const generated = generate();
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(target)) if (!generated.has(name)) rmSync(`${target}${name}`);
  for (const [name, text] of generated) writeFileSync(`${target}${name}`, text);
  console.log(`docs/api: ${generated.size} pages`);
}
