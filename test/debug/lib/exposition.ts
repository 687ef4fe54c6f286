// Reads Prometheus' text format 0.0.4, written from its specification, and refuses all that a scraper may refuse:
// an order of lines that splits a metric, names outside their grammar, escapes that there are none of, samples twice.
import assert from 'node:assert/strict';

export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

/** One line, read from left to right. */
class Line {
  #rest: string;
  readonly #whole: string;

  constructor(whole: string) {
    this.#whole = whole;
    this.#rest = whole;
  }

  take(pattern: RegExp, what: string): string {
    const found = pattern.exec(this.#rest);
    assert.ok(found !== null && found.index === 0, `${what} expected at ${this.#rest} in ${this.#whole}`);
    this.#rest = this.#rest.slice(found[0].length);
    return found[0];
  }

  begins(text: string): boolean {
    return this.#rest.startsWith(text);
  }

  /** Everything up to the quote that ends it, with its escapes undone. */
  quoted(): string {
    this.take(/^"/, 'a quote');
    const inside = this.take(/^(?:[^"\\\n]|\\[\\"n])*/, 'a label value');
    this.take(/^"/, 'a closing quote');
    return inside.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }

  get rest(): string {
    return this.#rest;
  }
}

function labelsOf(line: Line): Record<string, string> {
  const labels: Record<string, string> = {};
  if (!line.begins('{')) return labels;
  line.take(/^\{/, '{');
  while (!line.begins('}')) {
    const name = line.take(LABEL, 'a label name');
    assert.ok(!name.startsWith('__'), `${name} is reserved`);
    assert.ok(!Object.hasOwn(labels, name), `${name} twice`);
    line.take(/^=/, '=');
    labels[name] = line.quoted();
    if (!line.begins('}')) line.take(/^,/, ', or }');
  }
  line.take(/^\}/, '}');
  return labels;
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN') return Number.NaN;
  assert.match(text, /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/, `${text} is no number`);
  return Number(text);
}

/** What the text says, by metric. Fails where a scraper could. */
export function parseExposition(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  if (text === '') return families;
  assert.ok(text.endsWith('\n'), 'the last line must end');
  assert.doesNotMatch(text, /\r/, 'lines end with a line feed alone');
  let help = { name: '', text: '' };
  let current = '';
  for (const whole of text.slice(0, -1).split('\n')) {
    const line = new Line(whole);
    if (line.begins('# HELP ')) {
      line.take(/^# HELP /, 'HELP');
      const name = line.take(NAME, 'a name');
      line.take(/^ /, 'a space');
      const escaped = line.take(/^(?:[^\\\n]|\\[\\n])*$/, 'a help text');
      help = { name, text: escaped.replace(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one)) };
      assert.ok(!families.has(name), `${name} comes twice`);
    } else if (line.begins('# TYPE ')) {
      line.take(/^# TYPE /, 'TYPE');
      const name = line.take(NAME, 'a name');
      line.take(/^ /, 'a space');
      const type = line.take(/^\w+$/, 'a type');
      assert.ok(TYPES.includes(type), type);
      assert.equal(help.name, name, 'HELP stands before TYPE');
      families.set(name, { help: help.text, type, samples: [] });
      current = name;
    } else {
      const name = line.take(NAME, 'a name');
      assert.equal(name, current, 'all lines of a metric stand together, behind its TYPE');
      const labels = labelsOf(line);
      line.take(/^ /, 'a space');
      const { samples } = families.get(name)!;
      const key = (one: Record<string, string>) => JSON.stringify(Object.entries(one).sort());
      assert.ok(!samples.some((one) => key(one.labels) === key(labels)), `${whole} comes twice`);
      samples.push({ labels, value: numberOf(line.rest) });
    }
  }
  return families;
}
