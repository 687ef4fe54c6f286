export { DriverError } from '../poll/drivers/choice.ts';
export { type Addr, TCPAddr } from './addr.ts';
export { configureNetwork, type NetworkSettings } from './configure.ts';
export type { CallOptions, Conn } from './conn.ts';
export { adopt, type Detached } from './detached.ts';
export { type DialOptions, dial } from './dial.ts';
export type { DialPacketOptions } from './dial-packet.ts';
export type { DialUnixOptions } from './dial-unix.ts';
export { Dialer, type DialerOptions } from './dialer.ts';
export {
  AddrError,
  ClosedError,
  DeadlineExceededError,
  DetachedError,
  DialError,
  DNSError,
  OpError,
  UnsupportedError,
} from './errors.ts';
export { joinHostPort, splitHostPort } from './host-port.ts';
export { type ActivatedSocket, activated, inheritListener } from './inherit.ts';
export { limitListener } from './limit-listener.ts';
export { type ListenOptions, listen, type TCPNetwork } from './listen.ts';
export {
  type ListenPacketOptions,
  listenPacket,
  type PacketOptions,
  type UDPNetwork,
} from './listen-packet.ts';
export type { ListenUnixOptions } from './listen-unix.ts';
export type { Listener } from './listener.ts';
export {
  lookupAddr,
  lookupCNAME,
  lookupHost,
  lookupMX,
  lookupNS,
  lookupPort,
  lookupSRV,
  lookupTXT,
} from './lookup.ts';
export type { KeepAlive, StreamOptions, TCPOptions } from './options.ts';
export type { ConnectedPacketConn, Datagram, PacketConn } from './packet-conn.ts';
export { pipe } from './pipe.ts';
export {
  encodeProxyHeader,
  type ProxyHeader,
  type ProxyHeaderOptions,
  ProxyProtocolError,
  type ProxyTLV,
  readProxyHeader,
} from './proxy-protocol/index.ts';
export type { MX, SRV } from './records.ts';
export { type LookupOptions, Resolver, type ResolverOptions } from './resolver.ts';
export { type ConnHandler, Serving, type ShutdownOptions, startServing } from './serving.ts';
export { StreamConn } from './stream-conn.ts';
export { TCPConn } from './tcp-conn.ts';
export type { TCPInfo } from './tcp-info.ts';
export { TCPListener } from './tcp-listener.ts';
export { UDPAddr } from './udp-addr.ts';
export { type GroupOptions, UDPConn } from './udp-conn.ts';
export { UnixAddr } from './unix-addr.ts';
export { UnixConn, type UnixNetwork } from './unix-conn.ts';
export { UnixListener } from './unix-listener.ts';
export { UnixgramConn } from './unixgram-conn.ts';
