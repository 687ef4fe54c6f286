import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as nodeConnect } from 'node:net';
import { describe, test } from 'node:test';
import { runtime } from 'gopark';
import {
  ClosedError,
  DeadlineExceededError,
  dial,
  listen,
  OpError,
  type TCPConn,
  type TCPListener,
} from 'gopark/net';
import { sameBytes, text } from '../lib/bytes.ts';
import { runChild } from '../lib/child.ts';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { needs } from '../lib/needs.ts';
import { drain, echo, readExactly, roundTrip } from '../lib/peers.ts';
import { busy, rejection, stillPending, turns, until, watch } from '../lib/waiting.ts';

async function withListener(use: (listener: TCPListener) => Promise<void>): Promise<void> {
  const listener = await listen('tcp', '127.0.0.1:0');
  const watchdog = setTimeout(() => listener.close(), 15_000).unref();
  try {
    await use(listener);
  } finally {
    clearTimeout(watchdog);
    await listener[Symbol.asyncDispose]();
  }
}

/** Runs `use` and gives back what it wrote to stderr. */
async function stderrOf(use: () => Promise<void>): Promise<string> {
  const { write } = process.stderr;
  let seen = '';
  process.stderr.write = ((chunk: string) => {
    seen += chunk;
    return true;
  }) as typeof write;
  try {
    await use();
  } finally {
    process.stderr.write = write;
  }
  return seen;
}

describe('accept: deadlines', () => {
  test('T-3 accept timeout: an expired deadline fails with a connection waiting, twice, and keeps it', async () => {
    await withListener(async (listener) => {
      const conn = await dial('tcp', String(listener.addr));
      await turns(3);
      listener.setDeadline(new Date(Date.now() - 5000));
      for (let i = 0; i < 2; i++) {
        const error = await rejection(listener.accept());
        assert.ok(error instanceof DeadlineExceededError);
        assert.equal(error.op, 'accept');
        assert.equal(error.source, null);
        assert.equal(String(error.addr), String(listener.addr));
      }
      listener.setDeadline(null);
      const accepted = await listener.accept();
      assert.equal(String(accepted.remoteAddr), String(conn.localAddr));
      accepted.closeNow();
      conn.closeNow();
    });
  });

  test('T-4 accept timeout must return', async () => {
    await withListener(async (listener) => {
      const accepting = listener.accept();
      listener.setDeadline(new Date(Date.now() + 10));
      assert.ok((await rejection(accepting)) instanceof DeadlineExceededError);
    });
  });

  test('T-5 accept timeout must not return: past, then none: it waits until close', async () => {
    await withListener(async (listener) => {
      listener.setDeadline(new Date(0));
      listener.setDeadline(null);
      const accepting = listener.accept();
      accepting.catch(() => {});
      await stillPending(accepting, 'accept');
      await listener.close();
      const error = await rejection(accepting);
      assert.ok(error instanceof ClosedError);
      assert.equal(error.timeout, false);
    });
  });

  test('C-13 accept error: short deadlines in a loop, only well-formed errors', async () => {
    await withListener(async (listener) => {
      const errors: unknown[] = [];
      const loop = (async () => {
        for (;;) {
          listener.setDeadline(new Date(Date.now() + 5));
          try {
            (await listener.accept()).closeNow();
          } catch (error) {
            errors.push(error);
            if (error instanceof ClosedError) return;
          }
        }
      })().catch((error) => errors.push(error));
      for (let i = 0; i < 5; i++) (await dial('tcp', String(listener.addr))).closeNow();
      await until(() => errors.length >= 3, 'some timeouts');
      await listener.close();
      await loop;
      for (const error of errors) assert.ok(error instanceof OpError, String(error));
    });
  });

  test('a deadline that passes on a stalled loop: the connection that came before is accepted', async () => {
    await withListener(async (listener) => {
      const accepting = watch(listener.accept());
      await turns(2);
      // Node connects at once, and the kernel with it; then nothing runs until the deadline is over.
      const raw = nodeConnect(listener.addr.port, '127.0.0.1');
      raw.on('error', () => {});
      listener.setDeadline(new Date(Date.now() + 5));
      busy(30);
      await accepting.promise;
      assert.ok(accepting.outcome.state === 'resolved', 'it was there in time');
      accepting.outcome.value.closeNow();
      assert.ok((await rejection(listener.accept())) instanceof DeadlineExceededError);
      raw.destroy();
    });
  });
});

describe('accept: callers', () => {
  test('P-1 concurrent accept: ten acceptors on one listener, a hundred dials', async () => {
    await withListener(async (listener) => {
      const sockets = openSockets();
      let accepted = 0;
      const acceptors = Array.from({ length: 10 }, async () => {
        try {
          for (;;) {
            (await listener.accept()).closeNow();
            accepted++;
          }
        } catch (error) {
          return error;
        }
      });
      const dials = Array.from({ length: 100 }, () =>
        dial('tcp', String(listener.addr), { timeout: 10_000 }),
      );
      for (const conn of await Promise.all(dials)) conn.closeNow();
      await until(() => accepted === 100, 'all accepted');
      await listener.close();
      for (const error of await Promise.all(acceptors)) assert.ok(error instanceof ClosedError);
      await socketsBackAt(sockets - 1);
    });
  });

  test("signals: before, while waiting, after; what came in between is the next one's", async () => {
    await withListener(async (listener) => {
      assert.equal(await rejection(listener.accept({ signal: AbortSignal.abort('no') })), 'no');
      for (let i = 0; i < 30; i++) {
        const controller = new AbortController();
        const accepting = watch(listener.accept({ signal: controller.signal }));
        const dialling = dial('tcp', String(listener.addr));
        if (i % 2) await turns(i % 5);
        controller.abort('enough');
        const conn = await dialling;
        await accepting.promise;
        const outcome = accepting.outcome;
        if (outcome.state === 'rejected') assert.equal(outcome.error, 'enough');
        const accepted = outcome.state === 'resolved' ? outcome.value : await listener.accept();
        assert.equal(String(accepted.remoteAddr), String(conn.localAddr), 'exactly this connection');
        accepted.closeNow();
        conn.closeNow();
      }
    });
  });

  test('queued acceptors obey their own signal', async () => {
    await withListener(async (listener) => {
      const controller = new AbortController();
      const first = listener.accept();
      const second = listener.accept({ signal: controller.signal });
      second.catch(() => {});
      const third = listener.accept();
      await turns(2);
      controller.abort('second');
      assert.equal(await rejection(second), 'second');
      const conns = await Promise.all([
        dial('tcp', String(listener.addr)),
        dial('tcp', String(listener.addr)),
        first,
        third,
      ]);
      for (const conn of conns) conn.closeNow();
    });
  });
});

describe('accept: peers that do not wait', () => {
  test('C-7 a peer that reset before it was accepted does not disturb the next one', async () => {
    await withListener(async (listener) => {
      const gone = nodeConnect(listener.addr.port, '127.0.0.1');
      gone.on('error', () => {});
      await once(gone, 'connect');
      gone.resetAndDestroy();
      await turns(3);
      const stays = await dial('tcp', String(listener.addr));
      let accepted = await listener.accept();
      if (String(accepted.remoteAddr) !== String(stays.localAddr)) {
        // Linux hands it out all the same: it has an address, and its first read fails.
        assert.equal(accepted.remoteAddr.host, '127.0.0.1');
        assert.equal((await rejection(accepted.read(new Uint8Array(1)))).code, 'ECONNRESET');
        await accepted[Symbol.asyncDispose]();
        accepted = await listener.accept();
      }
      void echo(accepted);
      await roundTrip(stays);
      stays.closeNow();
      accepted.closeNow();
    });
  });
});

describe('accept: closing', () => {
  test('C-4 listener close: accept fails with ClosedError even with connections queued', async () => {
    await withListener(async (listener) => {
      const raw = nodeConnect(listener.addr.port, '127.0.0.1');
      raw.on('error', () => {});
      await once(raw, 'connect');
      await turns(3);
      await listener.close();
      for (let i = 0; i < 2; i++) assert.ok((await rejection(listener.accept())) instanceof ClosedError);
      const refused = (await rejection(dial('tcp', String(listener.addr)))) as OpError;
      assert.equal(refused.code, 'ECONNREFUSED');
      assert.throws(() => listener.setDeadline(null), ClosedError);
      raw.destroy();
    });
  });

  test('close wakes all acceptors; a second close rejects; dispose does not mind', async () => {
    await withListener(async (listener) => {
      const accepting = [listener.accept(), listener.accept(), listener.accept()].map(watch);
      await turns(2);
      await listener.close();
      for (const accept of accepting) {
        await accept.promise;
        assert.ok(accept.outcome.state === 'rejected' && accept.outcome.error instanceof ClosedError);
      }
      assert.ok((await rejection(listener.close())) instanceof ClosedError);
      await listener[Symbol.asyncDispose]();
    });
  });

  test('a connection that is being accepted when the listener closes does not leak', async () => {
    const sockets = openSockets();
    for (let i = 0; i < 50; i++) {
      const listener = await listen('tcp', '127.0.0.1:0');
      const controller = new AbortController();
      const accepting = watch(listener.accept({ signal: controller.signal }));
      const dialling = watch(dial('tcp', String(listener.addr)));
      for (let k = 0; k < i % 7; k++) await Promise.resolve();
      await turns(i % 4);
      if (i % 3 === 0) controller.abort();
      if (i % 5 === 0) await turns(1);
      await listener.close();
      await Promise.all([accepting.promise, dialling.promise]);
      for (const watched of [accepting, dialling]) {
        if (watched.outcome.state === 'resolved') (watched.outcome.value as TCPConn).closeNow();
      }
    }
    await socketsBackAt(sockets);
  });

  test('C-6 listen, close, listen: the same address at once, ten times', async () => {
    let address = '127.0.0.1:0';
    for (let i = 0; i < 10; i++) {
      const listener = await listen('tcp', address);
      address = String(listener.addr);
      const conn = await dial('tcp', address);
      const accepted = await listener.accept();
      await accepted.close();
      await conn.close();
      await listener.close();
      assert.equal(String(listener.addr), address, 'the address stays known');
    }
  });

  test('for await ends quietly on close, and each connection comes once', async () => {
    await withListener(async (listener) => {
      let seen = 0;
      const loop = (async () => {
        for await (const conn of listener) {
          seen++;
          void echo(conn);
        }
      })();
      for (let i = 0; i < 5; i++) {
        await using conn = await dial('tcp', String(listener.addr));
        await roundTrip(conn);
      }
      await listener.close();
      await loop;
      assert.equal(seen, 5);
    });
  });

  test('for await: break does not close the listener', async () => {
    await withListener(async (listener) => {
      const first = await dial('tcp', String(listener.addr));
      for await (const conn of listener) {
        conn.closeNow();
        break;
      }
      const second = await dial('tcp', String(listener.addr));
      const accepted = await listener.accept();
      for (const conn of [first, second, accepted]) conn.closeNow();
    });
  });

  test('for await rejects on what is not our own close', async () => {
    await withListener(async (listener) => {
      listener.setDeadline(new Date(Date.now() + 5));
      await assert.rejects(async () => {
        for await (const conn of listener) conn.closeNow();
      }, DeadlineExceededError);
    });
  });

  test('await using closes the listener', async () => {
    let copy: TCPListener;
    {
      await using listener = await listen('tcp', '127.0.0.1:0');
      copy = listener;
    }
    assert.ok((await rejection(copy.accept())) instanceof ClosedError);
  });
});

describe('accept: serve', () => {
  test('serve closes each connection when its handler ends, and returns when the listener is closed', async () => {
    await withListener(async (listener) => {
      const sockets = openSockets();
      const serving = listener.serve(async (conn) => {
        await conn.write(text('bye'));
      });
      for (let i = 0; i < 10; i++) {
        const conn = await dial('tcp', String(listener.addr));
        sameBytes(await readExactly(conn, 3), text('bye'));
        assert.equal(await conn.read(new Uint8Array(1)), null);
        conn.closeNow();
      }
      await socketsBackAt(sockets);
      await listener.close();
      await serving;
    });
  });

  test('serve survives handlers that throw: an I/O error goes to onError, a bug is reported, nobody else notices', async () => {
    await withListener(async (listener) => {
      const errors: unknown[] = [];
      runtime.onError = (error) => errors.push(error);
      try {
        let calls = 0;
        const serving = listener.serve((conn) => {
          calls++;
          if (calls === 1) throw new TypeError('a bug, at once');
          return (async () => {
            if (calls === 2) throw new TypeError('a bug, later');
            if (calls === 3) {
              conn.setReadTimeout(0);
              await conn.read(new Uint8Array(1));
            }
            await echo(conn);
          })();
        });
        const stderr = await stderrOf(async () => {
          for (let i = 0; i < 3; i++) {
            const conn = await dial('tcp', String(listener.addr));
            await drain(conn);
            conn.closeNow();
          }
        });
        assert.match(stderr, /a bug, at once/);
        assert.match(stderr, /a bug, later/);
        assert.match(stderr, /accept\.test\.[tj]s:\d+/, 'with the place where serve was called');
        assert.equal(errors.length, 1);
        assert.ok(errors[0] instanceof DeadlineExceededError);
        await using conn = await dial('tcp', String(listener.addr));
        await roundTrip(conn);
        await listener.close();
        await serving;
      } finally {
        runtime.onError = null;
      }
    });
  });

  test('serve: a bug in a handler goes to onPanic when there is one', async () => {
    await withListener(async (listener) => {
      const panics: unknown[] = [];
      runtime.onPanic = (error) => panics.push(error);
      try {
        const serving = listener.serve(() => {
          throw new Error('bug');
        });
        const conn = await dial('tcp', String(listener.addr));
        await drain(conn);
        conn.closeNow();
        await until(() => panics.length === 1, 'onPanic');
        await listener.close();
        await serving;
      } finally {
        runtime.onPanic = null;
      }
    });
  });

  test('serve refuses what is no function', async () => {
    await withListener(async (listener) => {
      await assert.rejects(listener.serve('handler' as never), TypeError);
    });
  });
});

describe('accept: lack of descriptors', () => {
  const MANY = 120;
  const flooded = (loop: string) => `
    import { listen } from 'gopark/net';
    const listener = await listen('tcp', '127.0.0.1:0');
    const conns = new Set();
    let served = 0;
    const handler = async (conn) => {
      conns.add(conn);
      served++;
      const p = new Uint8Array(16);
      while ((await conn.read(p)) !== null);
      await conn.close();
      conns.delete(conn);
    };
    let before = 0;
    let cpu = process.cpuUsage();
    let full = false;
    setInterval(() => {
      const { user, system } = process.cpuUsage(cpu);
      cpu = process.cpuUsage();
      if (!full && served > 30 && served === before) {
        full = true;
        console.log('FULL ' + (user + system));
      }
      before = served;
      if (served >= ${MANY} && conns.size === 0) listener.close().catch(() => {});
    }, 100).unref();
    console.log('LISTENING ' + listener.addr.port);
    ${loop}
    console.log('ENDED ' + served);
    for (const conn of conns) conn.closeNow();
  `;
  const loops = {
    serve: 'await listener.serve(handler);',
    'for await': 'for await (const conn of listener) handler(conn).catch(() => {});',
  };
  for (const [name, loop] of Object.entries(loops)) {
    test(
      `${name} waits out EMFILE, idle, and serves who queued once descriptors are free`,
      needs('backlog'),
      async () => {
        const clients: TCPConn[] = [];
        let cpu = -1;
        const ended = await runChild(flooded(loop), {
          descriptors: 80,
          onLine: async (line) => {
            const [word, value] = line.split(' ');
            if (word === 'LISTENING') {
              const dials = Array.from({ length: MANY }, () => dial('tcp', `127.0.0.1:${value}`));
              clients.push(...(await Promise.all(dials)));
            } else if (word === 'FULL') {
              cpu = Number(value);
              for (const client of clients) client.closeNow();
            }
          },
        });
        assert.match(ended.stdout, new RegExp(`ENDED ${MANY}`), ended.stderr);
        assert.ok(cpu >= 0, 'the descriptors should have run out');
        assert.ok(cpu < 60_000, `${cpu} us of CPU in 100 ms of waiting`);
      },
    );
  }

  test('accept itself rejects with EMFILE, and accepts again later', needs('backlog'), async () => {
    const ended = await runChild(
      `
      import { openSync, closeSync } from 'node:fs';
      import { dial, listen } from 'gopark/net';
      const listener = await listen('tcp', '127.0.0.1:0');
      const conn = await dial('tcp', String(listener.addr));
      const files = [];
      try { for (;;) files.push(openSync('/dev/null', 'r')); } catch {}
      for (let i = 0; i < 2; i++) {
        const error = await listener.accept().catch((error) => error);
        console.log(error.op, error.code);
      }
      for (const file of files) closeSync(file);
      (await listener.accept()).closeNow();
      console.log('accepted');
      conn.closeNow();
      `,
      { descriptors: 256 },
    );
    assert.equal(ended.stdout, 'accept EMFILE\naccept EMFILE\naccepted\n', ended.stderr);
  });
});
