import { SendOnClosedError } from '../errors.ts';
import { TooManySendersError, ValueTooLargeError } from './errors.ts';
import { CLOSED, NO_LANE, PUT } from './records.ts';
import { SharedBlock, type SharedBlocks } from './shared-blocks.ts';
import { type Codec, encode } from './values.ts';

/** Where values go as bytes: the queue of a channel, the log of a broadcast. */
export interface Store {
  readonly sizes: { readonly bytes: number };
  /** PUT, FULL, CLOSED or NO_LANE. */
  put(kind: number, bytes: Uint8Array, blocks: SharedBlocks | null): number;
}

/** Puts `value` in: false when there is no room. A block is given away with it, or stays its sender's. */
export function putValue<T>(
  store: Store,
  value: T,
  codec: Codec<T> | null,
  blocks: SharedBlocks | null,
): boolean {
  if (value instanceof SharedBlock) {
    const { kind, bytes } = value.sending(blocks);
    let went = false;
    try {
      went = putBytes(store, kind, bytes, blocks);
    } finally {
      value.gone(went);
    }
    return went;
  }
  const { kind, bytes } = encode(value, codec);
  const most = store.sizes.bytes;
  if (bytes.length > most) throw new ValueTooLargeError(bytes.length, most);
  return putBytes(store, kind, bytes, blocks);
}

function putBytes(store: Store, kind: number, bytes: Uint8Array, blocks: SharedBlocks | null): boolean {
  const result = store.put(kind, bytes, blocks);
  if (result === CLOSED) throw new SendOnClosedError();
  if (result === NO_LANE) throw new TooManySendersError();
  return result === PUT;
}
