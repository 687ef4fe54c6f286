/** Symbols may have dots anywhere; a subject's words are separated by dots, and not empty. */
export function subjectOf(stream: string, symbol: string): string {
  return `${stream}.${symbol.replaceAll('.', '/')}`;
}

export function symbolOf(stream: string, subject: string): string {
  return subject.slice(stream.length + 1).replaceAll('/', '.');
}
