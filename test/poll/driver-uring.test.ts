import { driverSuite } from '../lib/driver-suite.ts';
import { uringSubject } from '../lib/drivers.ts';

driverSuite(uringSubject('uring', { slots: 256, inbound: 1 << 20, outbound: 1 << 20, maxRecv: 16 * 1024 }));
