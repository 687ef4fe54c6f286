import type { Conn } from 'gopark/net';
import { proc } from 'gopark/serve';

/** Says which P it is, then echoes lines; 'die' ends the P, 'slow' answers after a while. */
export default async (conn: Conn, stopping: AbortSignal): Promise<void> => {
  const { index, data } = proc();
  await conn.write(Buffer.from(`P ${index} ${JSON.stringify(data) ?? ''}\n`));
  const p = new Uint8Array(4096);
  stopping.addEventListener('abort', () => void conn.write(Buffer.from('stopping\n')));
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
    const text = Buffer.from(p.subarray(0, n)).toString();
    if (text.includes('die'))
      setImmediate(() => {
        throw new Error('told to die');
      });
    if (text.includes('bye')) return;
    await conn.write(p.subarray(0, n));
  }
};
