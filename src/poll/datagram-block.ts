/**
 * Datagrams side by side: their bytes in `data`, an entry of words for each. native/datagram.h says the same in C.
 *
 * An address is the words of an entry from `D_FAMILY` on. Families 4 and 6: the port, then the numbers of the address
 * (one word, or four and the scope). Family 1: a path, its length in bytes where the port would be, then its bytes;
 * an abstract name begins with a zero byte. Family 0: no address, as of an unnamed peer.
 */
export const D_OFFSET = 0;
export const D_LENGTH = 1;
/**
 * 0: the entry is one datagram. Above 0: several of one sender, one behind the other, each of so many bytes and only the
 * last perhaps shorter. -1: one datagram that was cut.
 */
export const D_SEGMENT = 2;
export const D_FAMILY = 3;
export const D_PORT = 4;
export const D_ADDRESS = 5;
export const D_SCOPE = 9;
export const D_SIZE = 32;

/** Words of an address. */
export const ADDRESS_SIZE: number = D_SIZE - D_FAMILY;
/** The longest path of a Unix socket. */
export const LONGEST_PATH = 108;

/** Who has left datagrams in a block. */
export interface Keeper {
  /** Takes them out: the place is needed. */
  evicted(): void;
}

/** Room for so many datagrams of so many bytes. */
export class DatagramBlock {
  readonly words: Int32Array<ArrayBuffer>;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly count: number;
  #keeper: Keeper | null = null;

  constructor(count: number, bytes: number) {
    this.count = count;
    this.words = new Int32Array(count * D_SIZE);
    this.data = new Uint8Array(bytes);
  }

  /** What lies here is `keeper`'s, until `evict`. */
  keepFor(keeper: Keeper): void {
    this.#keeper = keeper;
  }

  /** `keeper` has no more of it here. */
  release(keeper: Keeper): void {
    if (this.#keeper === keeper) this.#keeper = null;
  }

  evict(): void {
    const keeper = this.#keeper;
    if (keeper === null) return;
    this.#keeper = null;
    keeper.evicted();
  }

  /** A block of its own, just large enough, for entries [from, to). */
  copyOf(from: number, to: number): DatagramBlock {
    const { words, data } = this;
    let bytes = 0;
    for (let i = from; i < to; i++) bytes += words[i * D_SIZE + D_LENGTH]!;
    const copy = new DatagramBlock(to - from, bytes);
    copy.words.set(words.subarray(from * D_SIZE, to * D_SIZE));
    for (let i = 0, at = 0; i < to - from; i++) {
      const entry = i * D_SIZE;
      const offset = copy.words[entry + D_OFFSET]!;
      const length = copy.words[entry + D_LENGTH]!;
      copy.data.set(data.subarray(offset, offset + length), at);
      copy.words[entry + D_OFFSET] = at;
      at += length;
    }
    return copy;
  }

  /** A copy of the address of entry `i`. */
  addressAt(i: number): Int32Array {
    const at = i * D_SIZE + D_FAMILY;
    return this.words.slice(at, at + ADDRESS_SIZE);
  }

  /** `address` becomes that of entry `i`; null: none. */
  setAddress(i: number, address: Int32Array | null): void {
    const at = i * D_SIZE + D_FAMILY;
    if (address === null) this.words[at] = 0;
    else this.words.set(address, at);
  }
}
