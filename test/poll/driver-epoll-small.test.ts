import { driverSuite } from '../lib/driver-suite.ts';
import { epollSubject } from '../lib/drivers.ts';

// Hardly more than one receive and one chain at a time: the slab is always full.
driverSuite(
  epollSubject('epoll with a small slab', {
    slots: 256,
    inbound: 20 * 1024,
    outbound: 64 * 1024,
    maxRecv: 16 * 1024,
  }),
);
