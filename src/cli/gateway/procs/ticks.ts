/** Calls `onTick` with the symbol, the line and the number (0: none) of each tick, and waits where it asks for that. */
export async function eachTick(
  text: string,
  onTick: (symbol: string, line: string, sequence: number) => Promise<void> | null,
): Promise<void> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start) + 1;
    const line = text.slice(start, end);
    const [, symbol, , , sequence] = line.slice(0, -1).split(' ') as [
      string,
      string,
      string,
      string,
      string?,
    ];
    const busy = onTick(symbol, line, sequence === undefined ? 0 : Number(sequence));
    if (busy !== null) await busy;
    start = end;
  }
}
