export { encodeProxyHeader } from './encode.ts';
export { type ProxyHeader, ProxyProtocolError, type ProxyTLV } from './header.ts';
export { type ProxyHeaderOptions, readProxyHeader } from './read.ts';
