/** A line that is typed rather than encoded: words, with quotes as a shell has them. Null: a quote has no end. */
export function splitInline(line: string): string[] | null {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line.charCodeAt(at))) at++;
    if (at >= line.length) return words;
    const word = readWord(line, at);
    if (word === null) return null;
    words.push(word.text);
    at = word.end;
  }
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

function readWord(line: string, start: number): { text: string; end: number } | null {
  let text = '';
  let at = start;
  while (at < line.length && !isSpace(line.charCodeAt(at))) {
    const sign = line[at]!;
    if (sign !== '"' && sign !== "'") {
      text += sign;
      at++;
      continue;
    }
    const quoted = sign === '"' ? readDouble(line, at + 1) : readSingle(line, at + 1);
    if (quoted === null) return null;
    text += quoted.text;
    at = quoted.end;
    // A closing quote ends the word.
    if (at < line.length && !isSpace(line.charCodeAt(at))) return null;
    break;
  }
  return { text, end: at };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

function readDouble(line: string, start: number): { text: string; end: number } | null {
  let text = '';
  for (let at = start; at < line.length; ) {
    const sign = line[at]!;
    if (sign === '"') return { text, end: at + 1 };
    if (sign !== '\\' || at + 1 >= line.length) {
      text += sign;
      at++;
      continue;
    }
    const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(at + 1, at + 4));
    if (hex !== null) {
      text += String.fromCharCode(Number.parseInt(hex[1]!, 16));
      at += 4;
    } else {
      const escaped = line[at + 1]!;
      text += escapes[escaped] ?? escaped;
      at += 2;
    }
  }
  return null;
}

function readSingle(line: string, start: number): { text: string; end: number } | null {
  let text = '';
  for (let at = start; at < line.length; at++) {
    const sign = line[at]!;
    if (sign === "'") return { text, end: at + 1 };
    if (sign === '\\' && line[at + 1] === "'") {
      text += "'";
      at++;
    } else {
      text += sign;
    }
  }
  return null;
}
