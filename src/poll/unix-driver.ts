/**
 * The part of a driver (driver.ts) that makes connections over Unix sockets; once they are open, they are slots like
 * all others. A name is a path, or '\0' and an abstract name; '' for a socket that has none.
 *
 * **Packets.** A slot that was opened with `packets`, or accepted by such a one, is a SOCK_SEQPACKET: each `trySend`
 * is a message, empty ones, too, and goes whole or not at all; each receive brings at most one, whose rest is lost
 * where it has no room. Its user neither stages nor begins `recv` (what it would bring has no bounds): it waits for
 * `readable` and `writable`.
 */
export interface UnixDriver {
  /**
   * Binds and listens: a slot, completed by `listen`, or a negated errno. `mode`: the permissions of the path, at no
   * time more; -1: as the process makes files. The path is the caller's to remove.
   */
  listen(name: string, options: UnixListenOptions): number;
  /** Connects: a slot, completed by `connect`, or a negated errno. `local`: a name to be bound to before. */
  connect(name: string, packets: boolean, local: string | null): number;
  /** The name of one end; '': none, null: not known. */
  nameOf(slot: number, end: 'local' | 'remote'): string | null;
  /** Whether the slot's messages have bounds: of what was inherited nobody else knows. */
  isPackets(slot: number): boolean;
  /** With the capability 'peerCredentials': who connected, or who listened, at that time; else a negated errno. */
  credentials(slot: number): Credentials | number;
}

export interface UnixListenOptions {
  readonly packets: boolean;
  readonly backlog: number;
  readonly mode: number;
}

/** A process, and for whom it runs, by their numbers. */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}
