import { EpollDriver } from '#dist/poll/drivers/epoll/driver.js';
import { loadNative } from '#dist/poll/drivers/epoll/native.js';
import { driverSuite } from '../lib/driver-suite.ts';

const sizes = { slots: 256, inbound: 1 << 20, outbound: 1 << 20, maxRecv: 16 * 1024 };

driverSuite({
  name: 'epoll',
  harness: new Set(['sockets', 'process']),
  make: () => new EpollDriver(loadNative(), sizes),
  source: `import { EpollDriver } from '#dist/poll/drivers/epoll/driver.js';
    import { loadNative } from '#dist/poll/drivers/epoll/native.js';
    const driver = new EpollDriver(loadNative(), ${JSON.stringify(sizes)});`,
});
