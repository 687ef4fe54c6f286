import { EventLoop, type EventLoopOptions } from 'gopark/eventloop';
import { dial, listen, type TCPConn, type TCPListener } from 'gopark/net';
import { runtime } from 'gopark/runtime';

export interface Running {
  readonly loop: EventLoop;
  readonly listener: TCPListener;
  /** A client in the goroutine style; closed in the end. */
  connect(): Promise<TCPConn>;
}

/** An event loop on a free port, for as long as `use` takes. */
export async function withLoop(
  options: EventLoopOptions,
  use: (running: Running) => Promise<void>,
): Promise<void> {
  const loop = new EventLoop(options);
  const listener = await listen('tcp', '127.0.0.1:0');
  const serving = loop.serve(listener);
  const clients: TCPConn[] = [];
  const connect = async () => {
    const conn = await dial('tcp', String(listener.addr));
    clients.push(conn);
    return conn;
  };
  try {
    await use({ loop, listener, connect });
  } finally {
    for (const conn of clients) conn.closeNow();
    await loop.shutdown({ timeout: 2000 });
    await serving;
  }
}

export const bytes = (s: string): Uint8Array => new TextEncoder().encode(s);
export const text = (p: Uint8Array): string => new TextDecoder().decode(p);

/** Errors that callbacks of connections end with, instead of on stderr. */
export function quietErrors(): { readonly seen: unknown[]; restore(): void } {
  const seen: unknown[] = [];
  const { onError, onPanic } = runtime;
  runtime.onError = (error) => void seen.push(error);
  runtime.onPanic = (error) => void seen.push(error);
  return {
    seen,
    restore() {
      runtime.onError = onError;
      runtime.onPanic = onPanic;
    },
  };
}
