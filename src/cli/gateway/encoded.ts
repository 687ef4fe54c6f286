const scratch = Buffer.alloc(1024);
/** Views of it, by length, made once each. */
const views: Uint8Array[] = [];

/**
 * The bytes of ASCII text, good until the next call: for who copies them at once. A Buffer for each of some hundred
 * thousand replies a second is what the collector would be busy with.
 */
export function encoded(text: string): Uint8Array {
  if (text.length > scratch.length) return Buffer.from(text, 'latin1');
  scratch.write(text, 0, 'latin1');
  views[text.length] ??= scratch.subarray(0, text.length);
  return views[text.length]!;
}
