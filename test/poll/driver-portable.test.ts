import { driverSuite } from '../lib/driver-suite.ts';
import { portableSubject } from '../lib/drivers.ts';

driverSuite(portableSubject());
