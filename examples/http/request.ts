const decoder = new TextDecoder();

/** A request, whole. */
export class Request {
  readonly method: string;
  /** As it was sent: path and query. */
  readonly url: string;
  readonly keepAlive: boolean;
  readonly isVersion10: boolean;
  readonly #head: string;
  /** Begin and end of name and value of each header, in the head. */
  readonly #ranges: readonly number[];
  #body: Uint8Array[] | null = null;
  bodyLength = 0;

  constructor(head: string, ranges: readonly number[], line: RequestLine) {
    this.#head = head;
    this.#ranges = ranges;
    this.method = line.method;
    this.url = head.slice(line.urlStart, line.urlEnd);
    this.keepAlive = line.keepAlive;
    this.isVersion10 = line.isVersion10;
  }

  /** The value of the first header of this name (in small letters); undefined: there is none. */
  header(name: string): string | undefined {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i += 4) {
      const start = ranges[i]!;
      const end = ranges[i + 1]!;
      if (end - start === name.length && this.#head.slice(start, end).toLowerCase() === name) {
        return this.#head.slice(ranges[i + 2]!, ranges[i + 3]!);
      }
    }
    return undefined;
  }

  /** All headers, names as they were sent. */
  get headers(): readonly (readonly [name: string, value: string])[] {
    const found: [string, string][] = [];
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i += 4) {
      found.push([
        this.#head.slice(ranges[i]!, ranges[i + 1]!),
        this.#head.slice(ranges[i + 2]!, ranges[i + 3]!),
      ]);
    }
    return found;
  }

  addBody(part: Uint8Array): void {
    this.#body ??= [];
    this.#body.push(part);
    this.bodyLength += part.length;
  }

  /** All of the body. */
  get body(): Uint8Array {
    const parts = this.#body ?? [];
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  get text(): string {
    return decoder.decode(this.body);
  }
}

export interface RequestLine {
  readonly method: string;
  readonly urlStart: number;
  readonly urlEnd: number;
  readonly keepAlive: boolean;
  readonly isVersion10: boolean;
}
