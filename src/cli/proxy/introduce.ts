import { encodeProxyHeader, type ProxyTLV, type StreamConn, TCPAddr } from '../../net/index.ts';

/** PP2_TYPE_AUTHORITY: the name that the client asked for. */
const AUTHORITY = 0x02;

/** The PROXY header with which an upstream learns who `client` is. A client on a Unix socket has no address. */
export function introduction(version: 1 | 2, client: StreamConn, serverName: string | null): Uint8Array {
  const { remoteAddr, localAddr } = client;
  const known = remoteAddr instanceof TCPAddr && localAddr instanceof TCPAddr;
  const tlvs: ProxyTLV[] = serverName === null ? [] : [{ type: AUTHORITY, value: Buffer.from(serverName) }];
  return encodeProxyHeader({
    version,
    proxied: true,
    source: known ? remoteAddr : null,
    destination: known ? localAddr : null,
    tlvs,
  });
}

/** The header of a proxy that speaks for itself: a probe. */
export function ownIntroduction(version: 1 | 2): Uint8Array {
  return encodeProxyHeader({ version, proxied: false, source: null, destination: null, tlvs: [] });
}
