// A program asks for a driver: before the first socket, for this thread and those it starts; whoever runs it outvotes it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configureNetwork } from 'gopark/net';
import { runChild } from '../lib/child.ts';

/** What a child prints: the driver that runs, and why. */
const RUNNING = `
const { driverChoice } = await import('#dist/poll/drivers/choice.js');
const running = () => { const { driver, why } = driverChoice(); return driver + ': ' + why; };
`;

async function run(code: string, env: Record<string, string> = {}): Promise<{ out: string; err: string }> {
  const program = `import { configureNetwork, listen } from 'gopark/net';\n${RUNNING}\n${code}\nprocess.exit();`;
  const { code: status, stdout, stderr } = await runChild(program, { env: { GOPARK_DRIVER: '', ...env } });
  assert.equal(status, 0, stderr);
  return { out: stdout, err: stderr };
}

describe('configureNetwork', () => {
  test('the driver that the program asks for runs, and says who asked', async () => {
    const { out, err } = await run(`
      configureNetwork({ driver: 'portable' });
      const listener = await listen('tcp', '127.0.0.1:0');
      console.log(running());
    `);
    assert.equal(out, 'portable: configureNetwork asks for it\n');
    assert.equal(err, '');
  });

  test('asked for before a socket is opened, the last one counts, also when somebody has looked', async () => {
    const { out } = await run(`
      running();
      configureNetwork({ driver: 'epoll' });
      configureNetwork({});
      configureNetwork({ driver: 'portable' });
      const listener = await listen('tcp', '127.0.0.1:0');
      console.log(running());
    `);
    assert.equal(out, 'portable: configureNetwork asks for it\n');
  });

  test('workers that are started later have it, too', async () => {
    const { out } = await run(`
      const { Worker } = await import('node:worker_threads');
      configureNetwork({ driver: 'portable' });
      await new Promise((resolve, reject) =>
        new Worker(new URL('data:text/javascript,' + encodeURIComponent(\`
          const at = \${JSON.stringify(import.meta.resolve('gopark/net'))};
          const { listen } = await import(at);
          const { driverChoice } = await import(new URL('../poll/drivers/choice.js', at).href);
          const listener = await listen('tcp', '127.0.0.1:0');
          console.log(driverChoice().driver);
          await listener.close();
        \`))).on('exit', resolve).on('error', reject));
    `);
    assert.equal(out, 'portable\n');
  });

  test('too late: an error that says so, and nothing changes; what runs anyway may be asked for', async () => {
    const { out } = await run(`
      configureNetwork({ driver: 'portable' });
      const listener = await listen('tcp', '127.0.0.1:0');
      configureNetwork({ driver: 'portable' });
      try {
        configureNetwork({ driver: 'epoll' });
      } catch (error) {
        console.log(error.name, error.code, error.message);
      }
      console.log(running());
    `);
    const [error, after] = out.split('\n');
    assert.match(
      error!,
      /^DriverError ERR_DRIVER configureNetwork asks for epoll, but this thread has opened sockets with portable already/,
    );
    assert.equal(after, 'portable: configureNetwork asks for it');
  });

  test('GOPARK_DRIVER has the last word, early and late', async () => {
    const { out } = await run(
      `
      configureNetwork({ driver: 'epoll' });
      const listener = await listen('tcp', '127.0.0.1:0');
      configureNetwork({ driver: 'uring' });
      console.log(running());
    `,
      { GOPARK_DRIVER: 'portable' },
    );
    assert.equal(out, 'portable: GOPARK_DRIVER asks for it\n');
  });

  test('a driver that does not exist is refused at once', () => {
    for (const driver of ['kqueue', '', null, 1]) {
      assert.throws(() => configureNetwork({ driver: driver as 'epoll' }), {
        code: 'ERR_OUT_OF_RANGE',
      });
    }
  });
});
