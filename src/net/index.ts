export { type Addr, TCPAddr } from './addr.ts';
export type { CallOptions, Conn } from './conn.ts';
export { type DialOptions, dial } from './dial.ts';
export { Dialer, type DialerOptions } from './dialer.ts';
export {
  AddrError,
  ClosedError,
  DeadlineExceededError,
  DialError,
  DNSError,
  OpError,
  UnsupportedError,
} from './errors.ts';
export { joinHostPort, splitHostPort } from './host-port.ts';
export { limitListener } from './limit-listener.ts';
export { type ListenOptions, listen, type TCPNetwork } from './listen.ts';
export type { Listener } from './listener.ts';
export type { KeepAlive, TCPOptions } from './options.ts';
export { pipe } from './pipe.ts';
export {
  type ProxyHeader,
  type ProxyHeaderOptions,
  ProxyProtocolError,
  type ProxyTLV,
  readProxyHeader,
} from './proxy-protocol/index.ts';
export type { MX, SRV } from './records.ts';
export {
  type LookupOptions,
  lookupAddr,
  lookupCNAME,
  lookupHost,
  lookupMX,
  lookupNS,
  lookupPort,
  lookupSRV,
  lookupTXT,
  Resolver,
  type ResolverOptions,
} from './resolver.ts';
export { type ConnHandler, Serving, type ShutdownOptions, startServing } from './serving.ts';
export { TCPConn } from './tcp-conn.ts';
export { TCPListener } from './tcp-listener.ts';
