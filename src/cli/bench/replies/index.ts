import { UsageError } from '../../gateway/usage.ts';
import { parseEscapes } from '../payload.ts';
import { parseAmount } from '../quantities.ts';
import { DelimitedReplies } from './delimited.ts';
import { EchoReplies, FixedReplies } from './fixed.ts';
import { HTTPReplies } from './http.ts';
import type { ReplyReader } from './reader.ts';
import { RESPReplies } from './resp.ts';

export { BadReplyError, type ReplyReader } from './reader.ts';

/** How answers are recognised: `kind`, and what belongs to it. */
export type ReplyFormat =
  | { readonly kind: 'echo' | 'http' | 'resp' }
  | { readonly kind: 'until'; readonly delimiter: Uint8Array }
  | { readonly kind: 'bytes'; readonly length: number };

/** As one would write it behind `--reply`. */
export function replyName(format: ReplyFormat): string {
  if (format.kind === 'bytes') return `bytes:${format.length}`;
  if (format.kind !== 'until') return format.kind;
  const text = Buffer.from(format.delimiter).toString('latin1');
  return text === '\n' ? 'line' : `until:${JSON.stringify(text).slice(1, -1)}`;
}

/** @throws UsageError */
export function parseReply(text: string): ReplyFormat {
  const [, name, rest] = /^([a-z]+)(?::(.*))?$/s.exec(text) ?? [];
  if (rest === undefined) {
    if (name === 'echo' || name === 'http' || name === 'resp') return { kind: name };
    if (name === 'line') return { kind: 'until', delimiter: Buffer.from('\n') };
  } else if (name === 'bytes') {
    return { kind: 'bytes', length: parseAmount('reply bytes', rest, 1024) };
  } else if (name === 'until' && rest !== '') {
    return { kind: 'until', delimiter: parseEscapes('reply until', rest) };
  }
  throw new UsageError(
    `--reply: expected echo, line, until:TEXT, bytes:N, http or resp, got ${JSON.stringify(text)}`,
  );
}

/** A reader for each connection. `stream`: the message again and again. */
export function replyReaders(format: ReplyFormat, length: number, stream: Uint8Array): () => ReplyReader {
  switch (format.kind) {
    case 'echo':
      return () => new EchoReplies(length, stream);
    case 'bytes':
      return () => new FixedReplies(format.length);
    case 'until':
      return () => new DelimitedReplies(format.delimiter);
    case 'http':
      return () => new HTTPReplies();
    case 'resp':
      return () => new RESPReplies();
  }
}
