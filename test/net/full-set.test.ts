// The kernel limits how many descriptors the epoll sets of one user may have, whoever's processes they are
// (fs.epoll.max_user_watches): a connection that was accepted beyond that waits until somebody makes room.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runChild } from '../lib/child.ts';
import { needsNative } from '../lib/needs.ts';

/** Our sets, the edge-triggered ones, take nobody while the file FULL exists. */
const LIMIT = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
	int (*real)(int, int, int, struct epoll_event *) = dlsym(RTLD_NEXT, "epoll_ctl");
	const char *full = getenv("FULL");
	if (operation == EPOLL_CTL_ADD && event->events & EPOLLET && full != NULL && access(full, F_OK) == 0) {
		errno = ENOSPC;
		return -1;
	}
	return real(set, operation, fd, event);
}
`;

const PROGRAM = `
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { listen } from 'gopark/net';

const listener = await listen('tcp', '127.0.0.1:0');
let served = 0;
const serving = listener.serve(async (conn) => {
  served++;
  const p = new Uint8Array(100);
  for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
});
const visit = async () => {
  const raw = connect(listener.addr.port, '127.0.0.1').setEncoding('utf8');
  await once(raw, 'connect');
  return raw;
};
const first = await visit();
first.write('first');
console.log((await once(first, 'data'))[0]);
writeFileSync(process.env.FULL, '');
const second = await visit();
while (served < 2) await setImmediate();
await setImmediate();
const answer = once(second, 'data');
second.write('second');
console.log('full');
console.log((await answer)[0]);
second.write('third');
console.log((await once(second, 'data'))[0]);
first.destroy();
second.destroy();
await listener.close();
await serving;
`;

describe('a set that takes no more', needsNative(), () => {
  const folder = mkdtempSync(join(tmpdir(), 'gopark-full-'));
  after(() => rmSync(folder, { recursive: true }));
  const library = join(folder, 'limit.so');
  writeFileSync(join(folder, 'limit.c'), LIMIT);
  const sources = ['-shared', '-fPIC', '-o', library, join(folder, 'limit.c'), '-ldl'];
  const compiled = spawnSync(process.env.CC ?? 'cc', sources, { encoding: 'utf8' });

  test('has accepted connections served as soon as another process makes room', {
    skip: compiled.status === 0 ? false : 'no C compiler',
    timeout: 60_000,
  }, async () => {
    const full = join(folder, 'full');
    const ended = await runChild(PROGRAM, {
      env: { GOPARK_DRIVER: 'epoll', LD_PRELOAD: library, FULL: full },
      onLine: (line) => {
        if (line === 'full') rmSync(full);
      },
    });
    assert.equal(ended.stdout, 'first\nfull\nsecond\nthird\n', ended.stderr);
    assert.equal(ended.code, 0, ended.stderr);
  });
});
