import { isInteger } from '../protocol/integers.ts';
import type { Value } from './value.ts';

/** Redis's default limits for its compact forms: elements, and bytes of one. */
const FEW = 128;
const FEW_INTEGERS = 512;
const SMALL = 64;
const EMBEDDED = 44;

function allSmall(texts: Iterable<string>): boolean {
  for (const text of texts) if (text.length > SMALL) return false;
  return true;
}

function allIntegers(texts: Iterable<string>): boolean {
  for (const text of texts) if (!isInteger(text)) return false;
  return true;
}

/** How Redis would store such a value: what OBJECT ENCODING is asked for by programs that look at sizes. */
export function encodingOf(value: Value): string {
  if (typeof value === 'string') {
    if (isInteger(value)) return 'int';
    return value.length <= EMBEDDED ? 'embstr' : 'raw';
  }
  switch (value.kind) {
    case 'list':
      return 'quicklist';
    case 'hash': {
      const texts = value.fields.all().flatMap(({ key, value: text }) => [key, text]);
      return value.length <= FEW && allSmall(texts) ? 'listpack' : 'hashtable';
    }
    case 'set':
      return value.length <= FEW_INTEGERS && allIntegers(value.keys()) ? 'intset' : 'hashtable';
    case 'zset': {
      const isSmall = value.length <= FEW && allSmall(value.scores.all().map(({ key }) => key));
      return isSmall ? 'listpack' : 'skiplist';
    }
  }
}
