export { type ProxyHeader, ProxyProtocolError, type ProxyTLV } from './header.ts';
export { type ProxyHeaderOptions, readProxyHeader } from './read.ts';
