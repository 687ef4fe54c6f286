import { connectTo, type JetStream, type JetStreamManager, loadClient, NatsError } from './client.ts';
import { Follower, type Sink } from './follower.ts';
import type { NatsOptions } from './options.ts';
import { Publisher } from './publisher.ts';

/** In nanoseconds. The server knows for so long what it has been sent already. */
const DUPLICATES = 600 * 1e9;
/** Ticks that a new stream keeps. */
const MOST_TICKS = 1_000_000;
/** How long a shutdown waits for prices under way, in milliseconds. */
const PATIENCE = 2000;

/** The market that this gateway shares with others: prices go to a stream, ticks come from there, in one order for all. */
export class NatsMarket {
  readonly publisher: Publisher;
  /** The number of the tick before the first one that comes: as many come first as are to be kept for others. */
  readonly before: number;
  readonly #follow: (sink: Sink) => Follower;
  readonly #close: () => Promise<void>;
  #follower: Follower | null = null;

  private constructor(
    publisher: Publisher,
    before: number,
    follow: (sink: Sink) => Follower,
    close: () => Promise<void>,
  ) {
    this.publisher = publisher;
    this.before = before;
    this.#follow = follow;
    this.#close = close;
  }

  /** Rejects with a NatsError when the client is not installed, no server answers, or it has no JetStream. */
  static async join({ servers, stream, history }: NatsOptions): Promise<NatsMarket> {
    const { core, jetstream } = await loadClient();
    const connection = await connectTo(core, servers);
    try {
      const manager = await jetstream.jetstreamManager(connection);
      const { first_seq: first, last_seq: last } = await stateOf(jetstream, manager, stream);
      const before = Math.max(first - 1, last - history, 0);
      return new NatsMarket(
        new Publisher(jetstream.jetstream(connection), stream),
        before,
        (sink) => new Follower(jetstream, { connection, manager }, stream, before, sink),
        () => connection.close(),
      );
    } catch (cause) {
      await connection.close();
      throw new NatsError('ERR_NATS', `JetStream, stream ${stream}: ${(cause as Error).message}`, { cause });
    }
  }

  /** From here on ticks come. */
  follow(sink: Sink): void {
    this.#follower = this.#follow(sink);
    this.#follower.start();
  }

  /** How many prices that were published here the stream has not got. */
  async leave(): Promise<number> {
    const lost = await this.publisher.close(PATIENCE);
    await this.#follower?.close();
    await this.#close();
    return lost;
  }
}

/** Makes the stream, if it is not there: of several gateways that do, all mean the same. */
async function stateOf(
  jetstream: JetStream,
  manager: JetStreamManager,
  stream: string,
): Promise<{ first_seq: number; last_seq: number }> {
  try {
    return (await manager.streams.info(stream)).state;
  } catch (error) {
    if (!(error instanceof jetstream.JetStreamApiError) || error.name !== 'StreamNotFoundError') throw error;
  }
  const { state } = await manager.streams.add({
    name: stream,
    subjects: [`${stream}.*`],
    storage: jetstream.StorageType.File,
    max_msgs: MOST_TICKS,
    duplicate_window: DUPLICATES,
  });
  return state;
}
