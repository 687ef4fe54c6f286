/** One line of a client, understood. `error` and `reject` carry what the client is told, `order` the line's words. */
export type Request =
  | { kind: 'subscribe'; symbols: string[]; after: number | null }
  | { kind: 'unsubscribe'; symbols: string[] }
  | { kind: 'order'; id: string; order: string }
  | { kind: 'feed'; symbol: string; price: string }
  | { kind: 'ping' }
  | { kind: 'stats' }
  | { kind: 'reject'; id: string; reason: string }
  | { kind: 'error'; reason: string };

/** A line may have this many bytes, its end not counted. */
export const LONGEST_LINE = 4096;

const SYMBOL = /^[A-Z0-9._-]{1,16}$/;
const ORDER_ID = /^[A-Za-z0-9_-]{1,32}$/;
/** Digits with at most one point among them; not zero. */
const AMOUNT = /^(?=.*[1-9])\d{1,12}(?:\.\d{1,8})?$/;

/** A whole order that there is nothing to say against: nearly all lines are one, and this is the fastest way to know. */
const ORDER =
  /^ORD [A-Za-z0-9_-]{1,32} (?:BUY|SELL) [A-Z0-9._-]{1,16}(?: (?=[\d.]*[1-9])\d{1,12}(?:\.\d{1,8})?){2}$/;
const AFTER_ORD = 'ORD '.length;

/** A line's bytes on their way to a string: a Buffer over each would be garbage. */
const scratch = Buffer.alloc(LONGEST_LINE);

/** Of a tick. */
const SEQUENCE = /^\d{1,15}$/;

const PING: Request = { kind: 'ping' };
const STATS: Request = { kind: 'stats' };

export function isSymbol(text: string): boolean {
  return SYMBOL.test(text);
}

/** Understands one line of at most LONGEST_LINE bytes, without its end. Never throws, whatever the bytes are. */
export function parseLine(line: Uint8Array): Request {
  scratch.set(line);
  const text = scratch.toString('latin1', 0, line.length);
  if (ORDER.test(text)) {
    return {
      kind: 'order',
      id: text.slice(AFTER_ORD, text.indexOf(' ', AFTER_ORD)),
      order: text.slice(AFTER_ORD),
    };
  }
  const words = text.split(' ');
  switch (words[0]) {
    case 'ORD':
      return parseOrder(words, text);
    case 'FEED':
      return parseFeed(words);
    case 'SUB':
    case 'UNSUB':
      return parseSymbols(words);
    case 'PING':
      return words.length === 1 ? PING : error('PING takes no argument');
    case 'STATS':
      return words.length === 1 ? STATS : error('STATS takes no argument');
    case '':
      return error(text === '' ? 'empty line' : 'unknown command');
    default:
      return error('unknown command');
  }
}

function error(reason: string): Request {
  return { kind: 'error', reason };
}

function parseOrder(words: string[], text: string): Request {
  if (words.length !== 6) return error('expected ORD <id> <BUY|SELL> <SYM> <qty> <price>');
  const [, id, side, symbol, quantity, price] = words as [string, string, string, string, string, string];
  if (!ORDER_ID.test(id)) return error('bad order id');
  const reject = (reason: string): Request => ({ kind: 'reject', id, reason });
  if (side !== 'BUY' && side !== 'SELL') return reject('bad side');
  if (!SYMBOL.test(symbol)) return reject('bad symbol');
  if (!AMOUNT.test(quantity)) return reject('bad quantity');
  if (!AMOUNT.test(price)) return reject('bad price');
  return { kind: 'order', id, order: text.slice('ORD '.length) };
}

function parseFeed(words: string[]): Request {
  if (words.length !== 3) return error('expected FEED <SYM> <price>');
  const [, symbol, price] = words as [string, string, string];
  if (!SYMBOL.test(symbol)) return error('bad symbol');
  if (!AMOUNT.test(price)) return error('bad price');
  return { kind: 'feed', symbol, price };
}

function parseSymbols(words: string[]): Request {
  const [command, list, after = null] = words as [string, string | undefined, string?];
  const mayHaveNumber = command === 'SUB';
  if (list === undefined || words.length > (mayHaveNumber ? 3 : 2)) {
    return error(`expected ${command} SYM[,SYM...]${mayHaveNumber ? ' [seq]' : ''}`);
  }
  const symbols = list.split(',');
  for (const symbol of symbols) if (!SYMBOL.test(symbol)) return error('bad symbol');
  if (command !== 'SUB') return { kind: 'unsubscribe', symbols };
  if (after !== null && !SEQUENCE.test(after)) return error('bad number');
  return { kind: 'subscribe', symbols, after: after === null ? null : Number(after) };
}
