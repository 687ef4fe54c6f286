import { isIPv4, isIPv6 } from 'node:net';

/** An IP address as numbers of 32 bits, the first ones first: one word, or four. */
export type IPWords = readonly number[];

function parseIPv4(text: string): number {
  const [a, b, c, d] = text.split('.').map(Number) as [number, number, number, number];
  return (a << 24) | (b << 16) | (c << 8) | d;
}

function parseIPv6(text: string): IPWords {
  const tail = text.slice(text.lastIndexOf(':') + 1);
  let hex = text;
  if (isIPv4(tail)) {
    const word = parseIPv4(tail) >>> 0;
    hex = `${text.slice(0, -tail.length)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  const [head = '', rest] = hex.split('::');
  const groupsOf = (part: string | undefined) =>
    part === undefined || part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const first = groupsOf(head);
  const last = groupsOf(rest);
  const groups = [...first, ...new Array(8 - first.length - last.length).fill(0), ...last];
  return [0, 2, 4, 6].map((i) => (groups[i] << 16) | groups[i + 1]);
}

/** The words of a numeric address without a zone, null for any other text. IPv4 mapped into IPv6 is IPv4. */
export function parseIP(text: string): IPWords | null {
  if (isIPv4(text)) return [parseIPv4(text)];
  if (!isIPv6(text) || text.includes('%')) return null;
  const words = parseIPv6(text);
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff ? [words[3]!] : words;
}

export function formatIPv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`;
}

/** As RFC 5952 has it: lower case, no leading zeros, the first of the longest runs of zeros as '::'. */
export function formatIPv6(words: IPWords): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  let start = -1;
  let length = 1;
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    i = Math.max(i, end);
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}
