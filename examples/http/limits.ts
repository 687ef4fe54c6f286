/** What a request may have; beyond, it is refused and the connection closed. */
export const limits = {
  /** Bytes of the request line and all headers. */
  head: 16 * 1024,
  headers: 100,
  /** Bytes of a body. */
  body: 1024 * 1024,
  /** Milliseconds from the first byte of a head, or of a body, to the last. */
  requestTime: 30_000,
  /** Milliseconds without a byte. */
  idleTime: 60_000,
};
