import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OpError } from 'gopark/net';
import type { Crash } from 'gopark/serve';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { needs } from '../lib/needs.ts';
import { Client, eventually, started } from './lib.ts';

/** Asks all the time, and connects anew when the connection ends. */
class Persistent {
  /** How often it had to connect again. */
  lost = 0;
  answers = 0;
  /** The P that answered last. */
  at = -1;
  /** The longest time between two answers, in milliseconds. */
  longest = 0;
  stop = false;
  readonly done: Promise<void>;
  #last = performance.now();

  constructor(address: string) {
    this.done = this.#run(address);
  }

  async #run(address: string): Promise<void> {
    while (!this.stop) {
      let client: Client | null = null;
      try {
        client = await Client.at(address);
        while (!this.stop) {
          const answer = await client.ask('again');
          if (answer === null) break;
          this.#answered(Number(answer));
          await delay(1);
        }
      } catch (error) {
        if (!(error instanceof OpError)) throw error;
      }
      client?.conn.closeNow();
      if (!this.stop) this.lost++;
    }
  }

  #answered(at: number): void {
    const now = performance.now();
    this.longest = Math.max(this.longest, now - this.#last);
    this.#last = now;
    this.at = at;
    this.answers++;
  }
}

describe('a P that is killed under load', { timeout: 110_000, ...needs('leases', 'reusePort') }, () => {
  for (const death of ['throw', 'exit', 'memory']) {
    for (const distribute of ['reuseport', 'handoff'] as const) {
      test(`${death}, ${distribute}: its clients are served again by others, which notice nothing; then it is back`, async (t) => {
        const before = openSockets();
        const crashes: Crash[] = [];
        const server = await started(t, {
          handler: new URL('./handlers/mortal.js', import.meta.url),
          distribute,
          resourceLimits: { maxOldGenerationSizeMb: 48 },
          onCrash: (crash) => void crashes.push(crash),
        });
        const clients = Array.from({ length: 16 }, () => new Persistent(server.addr));
        const atWork = () => clients.every(({ answers }) => answers > 20);
        await eventually(atWork, 'all to be served');
        const killer = await Client.at(server.addr);
        const victim = Number(await killer.ask('who?'));
        const hit = clients.filter(({ at }) => at === victim);
        const others = clients.filter(({ at }) => at !== victim);
        const answered = clients.map(({ answers }) => answers);
        for (const client of clients) client.longest = 0;
        const killedAt = performance.now();
        await killer.conn.write(Buffer.from(`${death}\n`));
        await eventually(() => crashes.length === 1, 'the end of the P');
        const diedAt = performance.now();
        const afterwards = clients.map(({ answers }) => answers);
        await eventually(
          () => clients.every(({ answers }, i) => answers > afterwards[i]!),
          'all to be served again',
        );
        const servedAt = performance.now();
        await eventually(
          () => server.procs[victim]!.state === 'ready' && server.procs[victim]!.restarts === 1,
          'another P in its place',
        );
        const backAt = performance.now();
        for (const client of clients) client.stop = true;
        await Promise.all(clients.map(({ done }) => done));
        assert.equal(crashes[0]!.index, victim);
        for (const { lost } of others) assert.equal(lost, 0, 'a connection of another P has ended');
        for (const { lost } of hit) assert.ok(lost >= 1, 'a connection has survived its P');
        for (const [i, { answers }] of clients.entries()) assert.ok(answers > answered[i]!);
        const longest = Math.max(...others.map((client) => client.longest), 0);
        t.diagnostic(
          `dead after ${(diedAt - killedAt).toFixed(0)} ms; then all served again after ${(servedAt - diedAt).toFixed(0)} ms, ` +
            `in its place after ${(backAt - diedAt).toFixed(0)} ms; the others waited ${longest.toFixed(0)} ms at most`,
        );
        killer.conn.closeNow();
        await server.shutdown({ timeout: 0 });
        await socketsBackAt(before);
      });
    }
  }
});
