import { IOError, writeString } from '../../io/index.ts';
import { AsyncWriter, open } from '../../os/index.ts';
import { escapeText } from '../../runtime/escape.ts';

/** What is told of a connection that has ended. */
export interface Entry {
  readonly client: string;
  readonly listener: string;
  readonly serverName: string | null;
  readonly upstream: string | null;
  /** 'end', or what went wrong. */
  readonly ending: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** When it was accepted, and for how many milliseconds it was open. */
  readonly began: Date;
  readonly ms: number;
}

/** One line for each connection. A slow disk delays nobody: lines that it has no room for are dropped and counted. */
export class AccessLog {
  readonly #writer: AsyncWriter;
  #troubled = false;

  private constructor(writer: AsyncWriter) {
    this.#writer = writer;
  }

  static async open(path: string): Promise<AccessLog> {
    return new AccessLog(new AsyncWriter(await open(path, 'a'), { whenFull: 'drop' }));
  }

  get dropped(): number {
    return this.#writer.stats.droppedWrites;
  }

  write(entry: Entry): void {
    writeString(this.#writer, `${JSON.stringify(entry)}\n`).catch((error: unknown) => this.#failed(error));
  }

  /** A full disk is told once, not for each connection; the writer tries anew after a flush. */
  #failed(error: unknown): void {
    if (!(error instanceof IOError)) throw error;
    if (this.#troubled) return;
    this.#troubled = true;
    console.error(`gopark proxy: the log: ${escapeText(error.message)}`);
    const over = () => {
      this.#troubled = false;
    };
    this.#writer.flush().then(over, over);
  }

  async close(): Promise<void> {
    try {
      await this.#writer.close();
    } catch (error) {
      this.#failed(error);
    }
  }
}
