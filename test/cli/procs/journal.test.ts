import { journalSuite } from '../journal/suite.ts';

journalSuite('async', 2);
