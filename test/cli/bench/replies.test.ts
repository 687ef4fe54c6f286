import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { repeated } from '#dist/cli/bench/payload.js';
import { parseReply, type ReplyReader, replyName, replyReaders } from '#dist/cli/bench/replies/index.js';

function reader(format: string, message = 'x'): ReplyReader {
  const payload = Buffer.from(message, 'latin1');
  return replyReaders(parseReply(format), payload.length, repeated(payload, 1 << 16))();
}

/** Feeds `text` in pieces whose lengths are `cuts`, again and again; how many answers that made. */
function feed(replies: ReplyReader, text: string, cuts: readonly number[]): number {
  const bytes = Buffer.from(text, 'latin1');
  let found = 0;
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const piece = cuts.length === 0 ? bytes.length : cuts[i % cuts.length]!;
    found += replies.take(bytes, at, Math.min(at + piece, bytes.length));
    at += piece;
  }
  return found;
}

const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 });
const word = fc.stringMatching(/^[a-z]{0,20}$/);

/** Answers of each format, by themselves. */
const answers: Record<string, fc.Arbitrary<string>> = {
  line: word.map((text) => `${text}\n`),
  'until:ENDE': word.map((text) => `${text}ENDE`),
  'until:\\r\\n\\r\\n': word.map((text) => `${text}\r\n${text}x\r\n\r\n`),
  'bytes:7': fc.constant('abcdefg'),
  http: fc.tuple(word, fc.constantFrom(200, 404), fc.boolean()).map(([body, status, small]) => {
    const name = small ? 'content-length' : 'Content-Length';
    return `HTTP/1.1 ${status} Whatever\r\nX-Other: 3\r\n${name}: ${body.length}\r\n\r\n${body}`;
  }),
  resp: fc.letrec<{ value: string; array: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      word.map((text) => `+${text}\r\n`),
      word.map((text) => `$${text.length}\r\n${text}\r\n`),
      fc.constantFrom(
        '$-1\r\n',
        '*-1\r\n',
        '_\r\n',
        ':-3\r\n',
        '#t\r\n',
        ',1.5\r\n',
        '(123456789012345678901\r\n',
      ),
      word.map((text) => `=${text.length + 4}\r\ntxt:${text}\r\n`),
      tie('array'),
    ),
    array: fc.oneof(
      fc.array(tie('value'), { maxLength: 4 }).map((all) => `*${all.length}\r\n${all.join('')}`),
      fc
        .array(fc.tuple(tie('value'), tie('value')), { maxLength: 2 })
        .map((pairs) => `%${pairs.length}\r\n${pairs.flat().join('')}`),
    ),
  })).value,
};

describe('bench: answers are recognised', () => {
  for (const [format, arbitrary] of Object.entries(answers)) {
    test(`${format}: each of them, in whatever pieces`, () => {
      fc.assert(
        fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 10 }), cuts, (all, pieces) => {
          assert.equal(feed(reader(format), all.join(''), pieces), all.length);
        }),
      );
    });

    test(`${format}: not before its last byte`, () => {
      fc.assert(
        fc.property(arbitrary, (one) => {
          const replies = reader(format);
          assert.equal(feed(replies, one.slice(0, -1), []), 0);
          assert.equal(feed(replies, one.slice(-1), []), 1);
        }),
      );
    });
  }

  test('echo: in whatever pieces, and any other byte is found', () => {
    const message = fc.string({ minLength: 1, maxLength: 50, unit: 'binary-ascii' });
    fc.assert(
      fc.property(message, fc.integer({ min: 1, max: 9 }), cuts, fc.nat(), (text, times, pieces, at) => {
        const whole = text.repeat(times);
        assert.equal(feed(reader('echo', text), whole, pieces), times);
        const place = at % whole.length;
        const wrong = String.fromCharCode((whole.charCodeAt(place) + 1) % 256);
        const changed = whole.slice(0, place) + wrong + whole.slice(place + 1);
        assert.throws(() => feed(reader('echo', text), changed, pieces), {
          code: 'ERR_BAD_REPLY',
          message: RegExp(`^byte ${place % text.length} of an echo`),
        });
      }),
    );
  });

  test('an overlapping delimiter', () => {
    assert.equal(feed(reader('until:aab'), 'aaabaabaaaab', [1]), 3);
    assert.equal(feed(reader('until:aa'), 'aaaa', []), 2);
  });

  test('refusals are counted', () => {
    const redis = reader('resp');
    feed(redis, '-ERR no\r\n+OK\r\n*1\r\n-ERR inside\r\n!3\r\nERR\r\n', [1]);
    assert.equal(redis.refusals, 2);
    const http = reader('http');
    feed(
      http,
      'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      [3],
    );
    assert.equal(http.refusals, 1);
  });

  test('HTTP without a body, and what announces another response', () => {
    const replies = reader('http');
    assert.equal(
      feed(replies, 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n', [5]),
      2,
    );
    assert.equal(
      feed(replies, 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx', [5]),
      1,
    );
  });

  for (const [format, text, complaint] of [
    ['http', 'SSH-2.0-x\r\n', /no status line.*SSH/],
    ['http', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', /chunked/],
    ['http', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', /Content-Length: "-1"/],
    ['http', 'x'.repeat(70_000), /longer than/],
    ['resp', 'HTTP/1.1 400 Bad\r\n', /no RESP: "HTTP/],
    ['resp', '$x\r\n', /no RESP/],
    ['resp', '\r\n', /no RESP/],
  ] as const) {
    test(`${format}: ${JSON.stringify(text.slice(0, 30))} is none`, () => {
      assert.throws(() => feed(reader(format), text, [1000]), { code: 'ERR_BAD_REPLY', message: complaint });
    });
  }
});

test('a kind of reply is named as it was asked for', () => {
  for (const name of ['echo', 'line', 'http', 'resp', 'bytes:12', 'until:END', 'until:\\r\\n']) {
    assert.equal(replyName(parseReply(name)), name);
  }
});
