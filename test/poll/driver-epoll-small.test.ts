import { EpollDriver } from '#dist/poll/drivers/epoll/driver.js';
import { loadNative } from '#dist/poll/drivers/epoll/native.js';
import { driverSuite } from '../lib/driver-suite.ts';

// Hardly more than one receive and one chain at a time: the slab is always full.
driverSuite({
  name: 'epoll with a small slab',
  harness: new Set(['sockets']),
  make: () =>
    new EpollDriver(loadNative(), {
      slots: 256,
      inbound: 20 * 1024,
      outbound: 64 * 1024,
      maxRecv: 16 * 1024,
    }),
});
