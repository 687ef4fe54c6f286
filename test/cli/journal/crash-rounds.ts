import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { open } from 'gopark/os';
import { scan } from '#dist/cli/gateway/journal/scan.js';
import { rotatedFiles } from '#dist/os/rotation.js';
import { directoryOf } from '../../os/lib.ts';
import { GatewayProcess } from '../lib/gateway-process.ts';
import { LineClient } from '../lib/line-client.ts';

/** GOPARK_CRASH_ROUNDS=100 for a thorough run. */
const ROUNDS = Number(process.env.GOPARK_CRASH_ROUNDS ?? 10);
const CLIENTS = 6;
const PIPELINED = 50;
const SYNCS = ['batch', 'never', '3'];

/** What the gateway has promised: the number of each acknowledged order. */
type Promised = Map<string, number>;

/** Sends orders as long as the gateway lives; `onAck` is called after each answer. */
async function trade(port: number, name: string, promised: Promised, onAck: () => void): Promise<void> {
  const client = await LineClient.connect(port);
  try {
    for (let sent = 0, answered = 0; ; ) {
      const lines: string[] = [];
      while (sent < answered + PIPELINED) lines.push(`ORD ${name}-${sent++} BUY ACME 10 101.25`);
      client.send(...lines);
      const [what, id, sequence] = (await client.next()).split(' ');
      assert.deepEqual([what, id], ['ACK', `${name}-${answered++}`]);
      promised.set(id!, Number(sequence));
      onAck();
    }
  } catch (error) {
    // The end of the gateway is what this test is about.
    if (!(error instanceof Error) || !error.message.startsWith('the connection ended')) throw error;
  } finally {
    await client.close();
  }
}

/** The orders in all files of the journal, by id. */
async function kept(path: string): Promise<Promised> {
  const found: Promised = new Map();
  for (const name of [...(await rotatedFiles(path)), path]) {
    await using file = await open(name);
    await scan(file, (payload) => {
      const [sequence, , id] = payload.split(' ');
      if (sequence !== 'begin') found.set(id!, Number(sequence));
    });
  }
  return found;
}

/** Kills a gateway with so many Ps under load, again and again: every order that was acknowledged is in the journal. */
export async function crashRounds(t: TestContext, procs: number): Promise<void> {
  const path = join(directoryOf(t), 'j');
  const promised: Promised = new Map();
  let torn = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const sync = SYNCS[round % SYNCS.length]!;
    const gateway = await GatewayProcess.start([
      '--journal',
      path,
      '--sync',
      sync,
      '--journal-rotate',
      '60000',
      '--procs',
      String(procs),
    ]);
    let left = 1 + Math.floor(Math.random() * 3000);
    const onAck = () => {
      if (--left === 0) gateway.signal('SIGKILL');
    };
    const traders = Array.from({ length: CLIENTS }, (_, c) =>
      trade(gateway.port, `r${round}c${c}`, promised, onAck),
    );
    await Promise.all(traders);
    const { signal, stdout, stderr } = await gateway.ended();
    assert.deepEqual([signal, stderr], ['SIGKILL', '']);
    if (stdout.includes('cut off')) torn++;
    const found = await kept(path);
    for (const [id, sequence] of promised) {
      assert.equal(
        found.get(id),
        sequence,
        `${id} was acknowledged as ${sequence} in round ${round} at the latest`,
      );
    }
    assert.equal(new Set(found.values()).size, found.size, 'no number is given twice');
  }
  await GatewayProcess.with(['--journal', path], async () => {});
  const files = (await rotatedFiles(path)).map((name) => basename(name));
  t.diagnostic(
    `${ROUNDS} rounds, ${promised.size} orders acknowledged, ${files.length} rotations, ${torn} torn ends`,
  );
  assert.ok(promised.size > ROUNDS);
}
