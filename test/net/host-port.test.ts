import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AddrError, joinHostPort, splitHostPort } from 'gopark/net';

describe('host and port', () => {
  test('what belongs together', () => {
    const rows: [address: string, host: string, port: string][] = [
      ['localhost:http', 'localhost', 'http'],
      ['localhost:80', 'localhost', '80'],
      ['localhost%lo0:80', 'localhost%lo0', '80'],
      ['127.0.0.1:65536', '127.0.0.1', '65536'],
      ['[::1]:80', '::1', '80'],
      ['[::1%lo0]:80', '::1%lo0', '80'],
      ['[fe80::1%eth 0]:80', 'fe80::1%eth 0', '80'],
      ['[localhost]:80', 'localhost', '80'],
      [':http', '', 'http'],
      ['golang.org:', 'golang.org', ''],
      ['[]:', '', ''],
      [':', '', ''],
    ];
    for (const [address, host, port] of rows)
      assert.deepEqual(splitHostPort(address), { host, port }, address);
  });

  test('what does not, with the reason of Go', () => {
    const rows: [address: string, reason: string][] = [
      ['', 'missing port in address'],
      ['golang.org', 'missing port in address'],
      ['127.0.0.1', 'missing port in address'],
      ['[::1]', 'missing port in address'],
      ['[::1%lo0]', 'missing port in address'],
      ['[localhost]', 'missing port in address'],
      ['[::1]x:80', 'missing port in address'],
      ['::1', 'too many colons in address'],
      ['fe80::1%lo0', 'too many colons in address'],
      ['fe80::1%lo0:80', 'too many colons in address'],
      ['localhost:80:90', 'too many colons in address'],
      ['[::1]::80', 'too many colons in address'],
      ['[foo:bar', "missing ']' in address"],
      ['[::1:80', "missing ']' in address"],
      ['[foo]bar:baz', 'missing port in address'],
      ['[foo]:[bar]:baz', 'too many colons in address'],
      ['[foo]:[bar]baz', "unexpected '[' in address"],
      ['foo[bar]:baz', "unexpected '[' in address"],
      ['foo]bar[:baz', "unexpected '[' in address"],
      ['foo]bar:baz', "unexpected ']' in address"],
      ['[foo]:b]az', "unexpected ']' in address"],
      ['foo:ba]z', "unexpected ']' in address"],
    ];
    for (const [address, reason] of rows) {
      assert.throws(
        () => splitHostPort(address),
        (error) =>
          error instanceof AddrError && error.addr === address && error.message.endsWith(`: ${reason}`),
        `${address}: ${reason}`,
      );
    }
  });

  test('joined and split again they are the same, zones included', () => {
    const part = fc.string({ maxLength: 12 }).filter((text) => !/[[\]]/.test(text));
    const port = part.filter((text) => !text.includes(':'));
    fc.assert(
      fc.property(part, port, (host, service) => {
        const joined = joinHostPort(host, service);
        assert.equal(joined.startsWith('['), host.includes(':'));
        assert.deepEqual(splitHostPort(joined), { host, port: service });
      }),
    );
  });

  test('whatever the text: apart, or an AddrError; and what came apart comes together again', () => {
    const text = fc.string({ unit: fc.constantFrom('[', ']', ':', '%', 'a', '1'), maxLength: 9 });
    fc.assert(
      fc.property(text, (address) => {
        let split: { host: string; port: string };
        try {
          split = splitHostPort(address);
        } catch (error) {
          assert.ok(error instanceof AddrError);
          return;
        }
        assert.ok(!/[[\]:]/.test(split.port) && !split.host.includes(']'));
        assert.deepEqual(splitHostPort(joinHostPort(split.host, split.port)), split);
      }),
      { numRuns: 5000 },
    );
  });
});
