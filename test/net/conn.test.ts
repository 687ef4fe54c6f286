import { connSuite } from '../lib/conn-suite.ts';
import { tcpPairs, unixPairs } from '../lib/pair.ts';

connSuite('tcp4', tcpPairs('tcp4'), new Set(['buffered', 'socket']));
connSuite('tcp6', tcpPairs('tcp6'), new Set(['buffered', 'socket']));
connSuite('unix', unixPairs('unix'), new Set(['buffered', 'socket']));
