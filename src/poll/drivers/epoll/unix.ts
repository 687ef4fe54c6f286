import type { Credentials, UnixDriver, UnixListenOptions } from '../../unix-driver.ts';
import type { Native } from './native.ts';

/** Unix sockets on epoll. `listening` tells that a slot listens, `connecting` that one has begun to connect. */
export class EpollUnix implements UnixDriver {
  readonly #native: Native;
  readonly #listening: (slot: number) => void;
  readonly #connecting: (slot: number) => void;
  readonly #credentials = new Uint32Array(3);

  constructor(native: Native, listening: (slot: number) => void, connecting: (slot: number) => void) {
    this.#native = native;
    this.#listening = listening;
    this.#connecting = connecting;
  }

  listen(name: string, { packets, backlog, mode }: UnixListenOptions): number {
    const slot = this.#native.listenUnix(name, packets ? 1 : 0, backlog, mode);
    if (slot >= 0) this.#listening(slot);
    return slot;
  }

  connect(name: string, packets: boolean, local: string | null): number {
    const slot =
      local === null
        ? this.#native.connectUnix(name, packets ? 1 : 0)
        : this.#native.connectUnix(name, packets ? 1 : 0, local);
    if (slot >= 0) this.#connecting(slot);
    return slot;
  }

  nameOf(slot: number, end: 'local' | 'remote'): string | null {
    return this.#native.unixName(slot, end === 'remote' ? 1 : 0);
  }

  isPackets(slot: number): boolean {
    return this.#native.isPackets(slot) === 1;
  }

  credentials(slot: number): Credentials | number {
    const words = this.#credentials;
    const result = this.#native.peerCredentials(slot, words);
    return result < 0 ? result : { pid: words[0]!, uid: words[1]!, gid: words[2]! };
  }
}
