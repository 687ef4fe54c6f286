type Value = string | number;

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
}

/** One decimal is a tenth of a pixel. */
function printed(value: Value): string {
  return typeof value === 'number' ? String(Number(value.toFixed(1))) : escaped(value);
}

function element(
  name: string,
  attributes: Readonly<Record<string, Value | undefined>>,
  content = '',
): string {
  const given = Object.entries(attributes).filter(
    (entry): entry is [string, Value] => entry[1] !== undefined,
  );
  const list = given.map(([key, value]) => ` ${key}="${printed(value)}"`).join('');
  return content === '' ? `<${name}${list}/>` : `<${name}${list}>${content}</${name}>`;
}

export function rectangle(
  x: number,
  y: number,
  width: number,
  height: number,
  more: Record<string, Value>,
): string {
  return element('rect', { x, y, width: Math.max(0, width), height, ...more });
}

export function line(x1: number, y1: number, x2: number, y2: number, more: Record<string, Value>): string {
  return element('line', { x1, y1, x2, y2, ...more });
}

/** `anchor`: which end of the text is at x. */
export function text(
  x: number,
  y: number,
  content: string,
  more: Record<string, Value | undefined> & { anchor?: 'start' | 'middle' | 'end' } = {},
): string {
  const { anchor, ...rest } = more;
  return element('text', { x, y, 'text-anchor': anchor, ...rest }, escaped(content));
}

export function polyline(
  points: readonly (readonly [number, number])[],
  more: Record<string, Value>,
): string {
  const list = points.map(([x, y]) => `${printed(x)},${printed(y)}`).join(' ');
  return element('polyline', { points: list, fill: 'none', ...more });
}

/** What a reader sees who cannot see it. */
export function group(label: string, content: string): string {
  return element('g', {}, element('title', {}, escaped(label)) + content);
}

/** The document: a card of its own, readable on any page, dark where the reader's system is. */
export function document(width: number, height: number, label: string, content: readonly string[]): string {
  const style = `text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2328}
.title{font-size:15px;font-weight:600}.quiet{fill:#59636e;font-size:11px}.strong{font-weight:600}
.card{fill:#fff;stroke:#d1d9e0}.grid{stroke:#d1d9e0;stroke-width:1}.whisker{stroke:#1f2328;stroke-width:1.2}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.card{fill:#0d1117;stroke:#3d444d}.grid{stroke:#30363d}.whisker{stroke:#e6edf3}}`;
  const card = rectangle(0.5, 0.5, width - 1, height - 1, { class: 'card', rx: 6 });
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-label': label,
  };
  return `${element('svg', attributes, `\n<style>${style}</style>\n${card}\n${content.join('\n')}\n`)}\n`;
}
