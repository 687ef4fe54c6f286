import { readFileSync } from 'node:fs';
import { type Chan, chan, go, otherwise, recv, select, sleep } from 'gopark';
import { Mutex } from 'gopark/sync';
import { tcpPair } from '../lib/pair.ts';

/**
 * Processor time of this thread, in milliseconds. Round trips are measured by it: what other processes take of the
 * machine meanwhile is not ours to answer for, and a hog never lets the loop sleep.
 */
function busy(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
}

type Going = { on: boolean };

/** Pairs of goroutines that keep each other busy for ever. */
export const hogs: Record<string, (going: Going) => Promise<unknown>[]> = {
  'ping-pong over two channels': (going) => {
    const there = chan<number>();
    const back = chan<number>();
    const player = async (mine: Chan<number>, theirs: Chan<number>) => {
      for await (const n of mine) {
        if (!going.on) return theirs.close();
        await theirs.send(n + 1);
      }
    };
    const players = [go(player, there, back).done, go(player, back, there).done];
    void there.send(0);
    return players;
  },
  'ping-pong by trySend to who waits': (going) => {
    const there = chan<number>();
    const back = chan<number>();
    const player = async (mine: Chan<number>, theirs: Chan<number>) => {
      for (;;) {
        await mine.recv();
        theirs.trySend(1);
        if (!going.on) return;
      }
    };
    const players = [go(player, there, back).done, go(player, back, there).done];
    void there.send(0);
    return players;
  },
  'producer and consumer with a buffer': (going) => {
    const ch = chan<number>(64);
    return [
      go(async () => {
        while (going.on) await ch.send(1);
        ch.close();
      }).done,
      go(async () => {
        for await (const _ of ch);
      }).done,
    ];
  },
  'handing a lock to and fro': (going) => {
    const mutex = new Mutex();
    const player = async () => {
      while (going.on) {
        using _ = await mutex.lock();
        await null;
      }
    };
    return [go(player).done, go(player).done];
  },
  'a select that never waits': (going) => {
    const ch = chan<number>();
    return [
      go(async () => {
        while (going.on) await select(recv(ch), otherwise());
      }).done,
    ];
  },
};

export interface Figures {
  p99: number;
  ticks: number;
  /** Milliseconds of processor time for all of it. */
  ran: number;
  roundTrips: number;
}

/** Echoes small messages over TCP for a while, in one thread with what `start` starts. */
export async function besides(start: (going: Going) => Promise<unknown>[]): Promise<Figures> {
  const { a, b } = await tcpPair();
  const going = { on: true };
  const echoing = go(async () => {
    const p = new Uint8Array(16);
    for (let n = await b.read(p); n !== null; n = await b.read(p)) await b.write(p.subarray(0, n));
  }).done;
  let ticks = 0;
  const interval = setInterval(() => ticks++, 5);
  const hogging = start(going);
  const took: number[] = [];
  await sleep(100);
  const p = new Uint8Array(16);
  const begin = performance.now();
  const busyAtFirst = busy();
  let sent = busyAtFirst;
  while (performance.now() - begin < 500 || took.length < 30) {
    await a.write(p);
    await a.read(p);
    const back = busy();
    took.push(back - sent);
    sent = back;
  }
  const ran = busy() - busyAtFirst;
  going.on = false;
  clearInterval(interval);
  await a.close();
  await Promise.all([...hogging, echoing]);
  await b.close();
  took.sort((x, y) => x - y);
  return { p99: took[Math.floor(took.length * 0.99)]!, ticks, ran, roundTrips: took.length };
}
