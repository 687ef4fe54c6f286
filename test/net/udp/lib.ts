import { networkInterfaces } from 'node:os';
import { type Datagram, dial, listenPacket, type UDPAddr, type UDPConn } from 'gopark/net';

/** A receiver on loopback and a socket whose peer it is. */
export async function udpPair(): Promise<{ server: UDPConn; client: UDPConn } & AsyncDisposable> {
  const server = await listenPacket('udp4', '127.0.0.1:0');
  const client = await dial('udp4', String(server.localAddr));
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await client[Symbol.asyncDispose]();
    },
  };
}

/** Room for datagrams. */
export function room(count: number, size = 100): Datagram<UDPAddr>[] {
  return Array.from({ length: count }, () => ({ data: new Uint8Array(size), length: 0, addr: null }));
}

export function datagram(data: Uint8Array, addr: UDPAddr | null = null): Datagram<UDPAddr> {
  return { data, length: data.length, addr };
}

export function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  );
}

/** For tests of IPv6: a machine without it skips them. */
export const ipv6: { skip: string | false } = { skip: hasIPv6() ? false : 'this machine lacks IPv6' };
