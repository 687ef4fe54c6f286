import type { FD, Poller } from '../poll/index.ts';
import type { Addr } from './addr.ts';
import type { Conn } from './conn.ts';
import type { Listener } from './listener.ts';
import type { ConnSettings } from './options.ts';

/** What all connections of one listener, or one kind of dialled ones, have in common: for who makes them of slots. */
export interface ConnFamily {
  /** 'tcp', 'unix': as it stands in errors. */
  readonly network: string;
  readonly settings: ConnSettings;
  localAddr(poller: Poller, slot: number): Addr;
  remoteAddr(poller: Poller, slot: number): Addr;
  /** For when the slot is gone: the remote address, or a number that `peerAddr` makes it of. */
  keptPeer?(poller: Poller, slot: number): Addr | number;
  peerAddr?(peer: number): Addr;
}

/** A listener whose connections are slots of a driver: what the event loop asks of it beside the goroutine style. */
export interface SlotListener extends Listener {
  readonly fd: FD;
  /** Of what it accepts. */
  readonly family: ConnFamily;
  /** What `accept` gives, whatever passes by itself; null once the listener is closed. */
  acceptNext<T>(accept: () => Promise<T>, count?: () => number): Promise<T | null>;
}

/** Whether the connections of `listener` are slots. Those of a wrapper are whatever it makes of them. */
export function isSlotListener(listener: Listener<Conn>): listener is SlotListener {
  return 'family' in listener && 'fd' in listener;
}
