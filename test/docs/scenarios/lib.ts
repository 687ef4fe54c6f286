import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { Running } from '../programs.ts';

/** A peer that gives back what it gets. */
export function echo(socket: Socket): void {
  socket.pipe(socket);
}

/** A peer that answers each line. */
export function answering(answer: (line: string) => string): (socket: Socket) => void {
  return (socket) => {
    let rest = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) socket.write(answer(line.replace(/\r$/, '')), 'latin1');
    });
    socket.on('end', () => socket.end());
  };
}

/** A peer that takes all, and says what it was when the other side has ended. */
export function collecting(): { peer: (socket: Socket) => void; text: Promise<string> } {
  const { promise, resolve } = withResolvers<string>();
  const peer = (socket: Socket) => {
    let all = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      all += text;
    });
    socket.on('end', () => {
      socket.end();
      resolve(all);
    });
  };
  return { peer, text: promise };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Says something on a connection to the program, expects an answer, and ends the program by a signal. */
export function talk(
  where: number | string,
  said: string,
  answer: string,
  signal: NodeJS.Signals = 'SIGKILL',
): (running: Running) => Promise<void> {
  return async (running) => {
    const peer = await running.connect(where);
    peer.send(said);
    assert.equal(await peer.receive(answer), answer);
    peer.socket.destroy();
    running.kill(signal);
  };
}
