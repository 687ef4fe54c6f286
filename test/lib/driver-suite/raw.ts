import { once } from 'node:events';
import { type AddressInfo, createServer, connect as nodeConnect, type Socket } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';
import { streamBytes } from '../stream.ts';
import { turns } from '../waiting.ts';
import type { Rig } from './rig.ts';

const PIECE = 32 * 1024;

/** A slot that was accepted and, at its other end, a socket of Node's, paused. */
export async function acceptedFromRaw(rig: Rig): Promise<[slot: number, raw: Socket]> {
  const listener = await rig.listen();
  const raw = nodeConnect({ host: '127.0.0.1', port: rig.port(listener), allowHalfOpen: true });
  raw.on('error', () => {});
  raw.pause();
  const slot = await rig.accept(listener);
  if (raw.connecting) await once(raw, 'connect');
  await rig.close(listener);
  return [slot, raw];
}

/** A slot that connected and, at its other end, a socket of Node's, paused. */
export async function connectedToRaw(rig: Rig): Promise<[slot: number, raw: Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [[raw], slot] = await Promise.all([
    once(server, 'connection') as Promise<[Socket]>,
    rig.connect(port),
  ]);
  raw.on('error', () => {});
  server.close();
  return [slot, raw];
}

/** Runs `check` with both kinds of connection, one after the other, and puts the raw end away. */
export async function withRawPeers(
  rig: Rig,
  check: (slot: number, raw: Socket) => Promise<void>,
): Promise<void> {
  for (const make of [acceptedFromRaw, connectedToRaw]) {
    const [slot, raw] = await make(rig);
    try {
      await check(slot, raw);
    } finally {
      raw.destroy();
    }
  }
}

/** Writes and waits until the system has all of it. */
export function written(raw: Socket, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    raw.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Stages until the kernel takes no more: what is then outbound stays there until the peer reads. The bytes staged. */
export async function fill(rig: Rig, slot: number, seed = 1): Promise<number> {
  for (let total = 0; ; ) {
    rig.send(slot, streamBytes(seed, total, total + PIECE));
    rig.driver.flushNow(slot);
    total += PIECE;
    // What is still there after a while has nowhere to go.
    for (let i = 0; i < 20 && rig.driver.outboundLength(slot) > 0; i++) await turns(1);
    if (rig.driver.outboundLength(slot) > 0) await later(30);
    if (rig.driver.outboundLength(slot) > 0) return total;
  }
}

/** Sends until the kernel takes no more, past the chain. The bytes sent. */
export async function fillDirectly(rig: Rig, slot: number, seed = 1): Promise<number> {
  for (let total = 0, refused = 0; ; ) {
    const sent = rig.driver.trySend(slot, streamBytes(seed, total, total + PIECE), 0, PIECE);
    if (sent > 0) {
      total += sent;
      refused = 0;
    } else if (refused++ === 10) {
      await later(30);
    } else if (refused > 20) {
      return total;
    } else {
      await turns(1);
    }
  }
}
