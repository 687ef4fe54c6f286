import { readFull } from '../../io/index.ts';
import { dial, listen } from '../../net/index.ts';

const PATIENCE = 5000;

/** Moves bytes over loopback and back with the driver of this thread. Null, or why it does not work. */
export async function selfTest(): Promise<string | null> {
  try {
    await using listener = await listen('tcp', '127.0.0.1:0');
    listener.setDeadline(new Date(Date.now() + PATIENCE));
    const [near, far] = await Promise.all([
      dial('tcp', String(listener.addr), { timeout: PATIENCE }),
      listener.accept(),
    ]);
    near.setTimeout(PATIENCE);
    far.setTimeout(PATIENCE);
    try {
      const sent = Uint8Array.from({ length: 1000 }, (_, i) => i);
      const back = new Uint8Array(sent.length);
      await near.write(sent);
      await readFull(far, back);
      await far.write(back);
      await readFull(near, back.fill(0));
      return back.every((byte, i) => byte === sent[i]) ? null : 'other bytes came back than were sent';
    } finally {
      near.closeNow();
      far.closeNow();
    }
  } catch (error) {
    return (error as Error).message;
  }
}
