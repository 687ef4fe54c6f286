import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commandNames } from '#examples/redis/commands/table.js';
import { splitInline } from '#examples/redis/protocol/inline.js';
import { limits } from '#examples/redis/protocol/limits.js';
import { Parsed, RequestParser } from '#examples/redis/protocol/request-parser.js';
import { encode } from './lib/raw-client.ts';

/** All commands in `bytes`, given in pieces that end at `cuts`; the error last, if there is one. */
function parse(
  bytes: Uint8Array,
  cuts: readonly number[],
): { commands: string[][]; error: string; kept: number } {
  const parser = new RequestParser(commandNames);
  const commands: string[][] = [];
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    // Memory that is somebody else's as soon as the parser asks for more.
    const lent = new Uint8Array(end - start + 10).fill(88);
    lent.set(bytes.subarray(start, end), 5);
    parser.feed(lent.subarray(5, 5 + end - start));
    for (let status = parser.next(); status !== Parsed.more; status = parser.next()) {
      if (status === Parsed.failed) return { commands, error: parser.error, kept: parser.kept };
      commands.push(parser.args);
    }
    lent.fill(89);
    start = end;
  }
  return { commands, error: '', kept: parser.kept };
}

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const argument = fc.oneof(
  bytes,
  fc.constantFrom('get', 'SET', 'Lpush', 'key', '', '\r\n', '$3\r\n').map((text) => Buffer.from(text)),
);
const command = fc.array(argument, { minLength: 1, maxLength: 6 });
const cuts = fc.array(fc.nat(5000), { maxLength: 30 });

function known(args: readonly Buffer[]): string[] {
  const [name, ...rest] = args.map((arg) => arg.toString('latin1'));
  const found = commandNames.find(args[0]!, 0, args[0]!.length);
  return [found === null ? name! : found.name, ...rest];
}

test('any commands, cut anywhere, come out as they were sent', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 10 }), cuts, (commands, at) => {
      const sent = Buffer.concat(commands.map(encode));
      const { commands: found, error, kept } = parse(sent, at);
      assert.deepEqual([found, error, kept], [commands.map(known), '', 0]);
    }),
  );
});

test('whatever is sent, cut anywhere, has the same result, and it keeps no more than that', () => {
  const signs = fc.constantFrom(
    '*',
    '$',
    '1',
    '2',
    '0',
    '-',
    '\r',
    '\n',
    '\r\n',
    'a',
    ' ',
    '"',
    '*2\r\n',
    '$1\r\n',
  );
  const soup = fc.oneof(
    fc.array(signs, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''), 'latin1')),
    bytes,
  );
  fc.assert(
    fc.property(soup, cuts, (sent, at) => {
      const whole = parse(sent, []);
      const cut = parse(sent, at);
      assert.deepEqual([cut.commands, cut.error], [whole.commands, whole.error]);
      assert.ok(cut.kept <= 4 * sent.length + 16, `${cut.kept} bytes kept of ${sent.length}`);
    }),
    { numRuns: 1000 },
  );
});

test('every byte on its own', () => {
  const sent = Buffer.concat([
    encode(['SET', 'key', 'a\r\nb']),
    Buffer.from('PING\r\nget "a b"\n'),
    encode(['GET', '']),
  ]);
  const { commands } = parse(
    sent,
    Array.from(sent, (_, i) => i),
  );
  assert.deepEqual(commands, [['set', 'key', 'a\r\nb'], ['ping'], ['get', 'a b'], ['get', '']]);
});

const refused: readonly [string, string][] = [
  ['*x\r\n', 'invalid multibulk length'],
  [`*${limits.arguments + 1}\r\n`, 'invalid multibulk length'],
  ['*9223372036854775808\r\n', 'invalid multibulk length'],
  ['*1\r\nx', "expected '$', got 'x'"],
  ['*1\r\n\x01', "expected '$', got ' '"],
  ['*1\r\n$-1\r\n', 'invalid bulk length'],
  ['*1\r\n$x\r\n', 'invalid bulk length'],
  ['*1\r\n$03\r\n', 'invalid bulk length'],
  [`*1\r\n$${limits.bulk + 1}\r\n`, 'invalid bulk length'],
  ['set "a\r\n', 'unbalanced quotes in request'],
  ['a'.repeat(limits.line + 10), 'too big inline request'],
  [`*${'1'.repeat(limits.line + 10)}`, 'too big mbulk count string'],
  [`*1\r\n$${'1'.repeat(limits.line + 10)}`, 'too big bulk count string'],
];
for (const [sent, error] of refused) {
  test(`refused: ${JSON.stringify(sent.slice(0, 30))}`, () => {
    const whole = parse(Buffer.from(sent, 'latin1'), []);
    assert.equal(whole.error, `Protocol error: ${error}`);
    const cut = parse(Buffer.from(sent, 'latin1'), [1, 2, 5, 6, 7, limits.line]);
    assert.equal(cut.error, whole.error);
  });
}

test('empty commands are passed over', () => {
  const { commands } = parse(Buffer.from('\r\n*0\r\n*-1\r\n\n  \r\nping\r\n'), [3]);
  assert.deepEqual(commands, [['ping']]);
});

test('what is announced takes no memory before it comes', () => {
  const parser = new RequestParser(commandNames);
  parser.feed(Buffer.from(`*${limits.arguments}\r\n$${limits.bulk}\r\nabc`));
  assert.equal(parser.next(), Parsed.more);
  assert.ok(parser.unfinished);
  assert.ok(parser.kept < 100, `${parser.kept} bytes`);
});

test('somebody without the password may send little', () => {
  for (const sent of ['*11\r\n', '*1\r\n$16385\r\n']) {
    const parser = new RequestParser(commandNames);
    parser.trusted = false;
    parser.feed(Buffer.from(sent));
    assert.equal(parser.next(), Parsed.failed);
    assert.match(parser.error, /^Protocol error: unauthenticated (multi)?bulk length$/);
  }
});

test('commandEnd: where the last command ended, however it was fed', () => {
  const one = encode(['set', 'a', 'b']);
  const sent = Buffer.concat([one, one, one.subarray(0, 12)]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), (size) => {
      const parser = new RequestParser(commandNames);
      for (let at = 0; at < sent.length; at += size) {
        parser.feed(sent.subarray(at, at + size));
        while (parser.next() === Parsed.command);
      }
      assert.equal(parser.commandEnd, one.length * 2);
    }),
  );
});

test('a line in quotes', () => {
  assert.deepEqual(splitInline(String.raw`set "a\x41\n\"" 'it\'s' x`), ['set', 'aA\n"', "it's", 'x']);
  assert.equal(splitInline('"a"b'), null);
  assert.equal(splitInline("'a"), null);
  assert.deepEqual(splitInline('  '), []);
});
