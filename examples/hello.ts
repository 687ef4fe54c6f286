import { go } from 'gopark';
import { readAll, writeString } from 'gopark/io';
import { dial, listen } from 'gopark/net';

// An echo server: one goroutine for each connection, closed when its function ends.
const listener = await listen('tcp', '127.0.0.1:0');
go(() =>
  listener.serve(async (conn) => {
    const p = new Uint8Array(4096);
    for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
      conn.setTimeout(30_000);
      await conn.write(p.subarray(0, n));
    }
  }),
);

// The classic client: dial, write, read it all.
await using conn = await dial('tcp', String(listener.addr), { timeout: 3000 });
await writeString(conn, 'hello, park');
await conn.closeWrite();
console.log(new TextDecoder().decode(await readAll(conn, { limit: 1 << 20 })));
await listener.close();
