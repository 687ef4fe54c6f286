/** Commands whose answers are in no order, and of how many words one element has. */
const UNORDERED: Readonly<Record<string, number>> = {
  keys: 1,
  smembers: 1,
  sinter: 1,
  sunion: 1,
  sdiff: 1,
  hkeys: 1,
  hvals: 1,
  hgetall: 2,
};
const HEADER = /^([*%~])(\d+)\r\n/;

/** A reply, its elements sorted where their order means nothing: what is compared with Redis's. */
export function sameOrder(command: readonly string[], reply: string | null): string | null {
  const name = command[0]!.toLowerCase();
  const header = reply === null ? null : HEADER.exec(reply);
  if (!Object.hasOwn(UNORDERED, name) || header === null) return reply;
  const elements = bulks(reply!.slice(header[0].length));
  const size = UNORDERED[name]!;
  const groups: string[] = [];
  for (let i = 0; i < elements.length; i += size) groups.push(elements.slice(i, i + size).join(''));
  return header[0] + groups.sort().join('');
}

function bulks(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    const line = text.indexOf('\r\n', at);
    const length = Number(text.slice(at + 1, line));
    const end = line + 2 + length + 2;
    found.push(text.slice(at, end));
    at = end;
  }
  return found;
}
