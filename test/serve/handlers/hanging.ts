import { gosched } from 'gopark';
import type { Conn } from 'gopark/net';
import { proc } from 'gopark/serve';

/**
 * Says which P it is. 'hang' stops this P's thread, 'hang and die' ends it afterwards, 'work' keeps it busy with turns for the others in between, all
 * until the word that `data` shares is not 0 any more.
 */
export default async (conn: Conn): Promise<void> => {
  const { index, data } = proc();
  const word = new Int32Array(data as SharedArrayBuffer);
  await conn.write(Buffer.from(`P ${index}\n`));
  const p = new Uint8Array(100);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
    const text = Buffer.from(p.subarray(0, n)).toString();
    if (text === 'hang\n' || text === 'hang and die\n') Atomics.wait(word, 0, 0);
    if (text === 'hang and die\n') process.exit(1);
    while (text === 'work\n' && Atomics.load(word, 0) === 0) {
      const end = performance.now() + 5;
      while (performance.now() < end);
      await gosched();
    }
    await conn.write(p.subarray(0, n));
  }
};
