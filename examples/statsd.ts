// Counts what programs report by UDP, as statsd does: 'requests:1|c', several lines in a datagram. One goroutine
// receives, another prints; without a port in the arguments it reports to itself for a moment and ends.
//   node build/examples/statsd.js 8125      and then:  echo 'requests:3|c' | nc -u -w0 localhost 8125
import { ClosedError, type Datagram, dial, listenPacket, type UDPAddr, type UDPConn } from 'gopark/net';
import { go, sleep } from 'gopark/runtime';

const counters = new Map<string, number>();
const decoder = new TextDecoder();

function count(lines: string): void {
  for (const line of lines.split('\n')) {
    const [, name, value] = /^([^:|]+):(-?\d+(?:\.\d+)?)\|c/.exec(line) ?? [];
    if (name !== undefined) counters.set(name, (counters.get(name) ?? 0) + Number(value));
  }
}

async function collect(conn: UDPConn): Promise<void> {
  const messages = Array.from({ length: 32 }, (): Datagram<UDPAddr> => {
    return { data: new Uint8Array(1500), length: 0, addr: null };
  });
  try {
    for (;;) {
      const n = await conn.receiveBatch(messages);
      for (const { data, length } of messages.slice(0, n)) count(decoder.decode(data.subarray(0, length)));
    }
  } catch (error) {
    // The end of the program.
    if (!(error instanceof ClosedError)) throw error;
  }
}

const port = process.argv[2];
const conn = await listenPacket('udp', port === undefined ? '127.0.0.1:0' : `:${port}`, {
  readBuffer: 1 << 20,
});
go(collect, conn);

if (port === undefined) {
  await using client = await dial('udp', String(conn.localAddr));
  for (let i = 0; i < 1000; i++) {
    await client.write(new TextEncoder().encode('requests:1|c\nbytes:64|c'));
    // Nobody answers in this protocol: who sends faster than the other side receives loses datagrams.
    if (i % 50 === 0) await sleep(1);
  }
  const end = performance.now() + 2000;
  while (counters.get('requests') !== 1000 && performance.now() < end) await sleep(5);
  console.log(Object.fromEntries(counters));
  await conn.close();
} else {
  console.log(`counting on ${conn.localAddr}`);
  for (;;) {
    await sleep(10_000);
    console.log(Object.fromEntries(counters));
    counters.clear();
  }
}
