import { driverSuite } from '../lib/driver-suite.ts';
import { epollSubject } from '../lib/drivers.ts';

driverSuite(epollSubject('epoll', { slots: 256, inbound: 1 << 20, outbound: 1 << 20, maxRecv: 16 * 1024 }));
