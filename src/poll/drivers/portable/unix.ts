import { ENOTSUP } from '../../errno.ts';
import type { UnixDriver, UnixListenOptions } from '../../unix-driver.ts';
import type { PortableConn } from './conn.ts';
import type { PortableListener } from './listener.ts';

/** What Unix sockets ask of their driver. */
interface Sockets {
  listen(listen: (listener: PortableListener) => void): number;
  connect(name: string): number;
  entry(slot: number): PortableConn | PortableListener;
}

/** Node pads them with zero bytes to the longest that there are: a name that no other program would find. */
const isAbstract = (name: string) => name === '' || name.startsWith('\0');

/** Unix sockets of Node's own: streams only. */
export class PortableUnix implements UnixDriver {
  readonly #sockets: Sockets;

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  listen(name: string, { packets, backlog, mode }: UnixListenOptions): number {
    if (packets || isAbstract(name)) return -ENOTSUP;
    return this.#sockets.listen((listener) => listener.listenAt(name, backlog, mode));
  }

  connect(name: string, packets: boolean, local: string | null): number {
    return packets || local !== null || isAbstract(name) ? -ENOTSUP : this.#sockets.connect(name);
  }

  nameOf(slot: number, end: 'local' | 'remote'): string | null {
    const entry = this.#sockets.entry(slot);
    if (entry.kind === 'listener') return end === 'local' ? entry.path : null;
    return end === 'remote' ? entry.name : null;
  }

  isPackets(): boolean {
    return false;
  }

  credentials(): number {
    return -ENOTSUP;
  }
}
