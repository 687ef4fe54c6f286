// Bun.listen: callbacks, one receive buffer for all connections. Runs in Bun.
import { report } from '../../lib/server-report.ts';
import { serverArguments } from './arguments.ts';
import { Lines, Messages } from './messages.ts';

/** What of Bun's interface is used here. */
interface BunSocket<T> {
  data: T;
  write(bytes: Uint8Array): number;
}
declare const Bun: {
  gc(synchronous: boolean): void;
  listen<T>(options: {
    hostname: string;
    port: number;
    socket: {
      open(socket: BunSocket<T>): void;
      close(socket: BunSocket<T>): void;
      data(socket: BunSocket<T>, chunk: Buffer): void;
      drain(socket: BunSocket<T>): void;
      error(socket: BunSocket<T>, error: Error): void;
    };
  }): { readonly port: number };
};

interface State {
  readonly lines: Lines;
  readonly messages: Messages;
  /** What the kernel did not take; Bun keeps nothing. */
  rest: Buffer | null;
}

const { mode, size } = serverArguments();
let open = 0;

function write(socket: BunSocket<State>, bytes: Buffer): void {
  const { data } = socket;
  if (data.rest !== null) {
    data.rest = Buffer.concat([data.rest, bytes]);
    return;
  }
  const sent = Math.max(0, socket.write(bytes));
  if (sent < bytes.length) data.rest = Buffer.from(bytes.subarray(sent));
}

const server = Bun.listen<State>({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    open(socket) {
      open++;
      socket.data = { lines: new Lines(), messages: new Messages(size), rest: null };
    },
    close() {
      open--;
    },
    data(socket, chunk) {
      if (mode === 'echo') {
        write(socket, chunk);
      } else if (mode === 'lines') {
        const whole = socket.data.lines.in(chunk);
        if (whole !== null) write(socket, whole);
      } else {
        for (const message of socket.data.messages.of(Buffer.from(chunk))) write(socket, message);
      }
    },
    drain(socket) {
      const { rest } = socket.data;
      socket.data.rest = null;
      if (rest !== null) write(socket, rest);
    },
    error() {},
  },
});
await report(
  server.port,
  () => open,
  () => Bun.gc(true),
);
