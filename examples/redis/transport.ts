/** The way back to a client, whatever it runs on. */
export interface Transport {
  /**
   * Takes `bytes`, which belong to the caller again when it returns. Undefined: there is room for more. A promise:
   * settles when there is.
   */
  send(bytes: Uint8Array): Promise<void> | undefined;
  /** Bytes that were taken and are not with the kernel yet. */
  readonly queued: number;
  /** Ends the connection, after what is queued or without it. */
  close(how: 'gracefully' | 'now'): void;
  readonly localAddress: string;
  readonly remoteAddress: string;
}
