import { LineClient } from '../lib/line-client.ts';

/** Enough that each of two Ps serves some: the kernel spreads them by their ports, at random. */
export const CROWD = 24;

export function crowd(port: number, size = CROWD): Promise<LineClient[]> {
  return Promise.all(Array.from({ length: size }, () => LineClient.connect(port)));
}

export function closeAll(clients: LineClient[]): Promise<unknown> {
  return Promise.all(clients.map((client) => client.close()));
}
