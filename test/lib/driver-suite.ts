import { attempts } from './driver-suite/attempts.ts';
import { batches } from './driver-suite/batches.ts';
import { closing } from './driver-suite/closing.ts';
import { datagrams } from './driver-suite/datagrams.ts';
import { loop } from './driver-suite/loop.ts';
import { newcomers } from './driver-suite/newcomers.ts';
import { opening } from './driver-suite/opening.ts';
import { options } from './driver-suite/options.ts';
import { pipes } from './driver-suite/pipes.ts';
import { processes } from './driver-suite/processes.ts';
import { receiving } from './driver-suite/receiving.ts';
import { sending } from './driver-suite/sending.ts';
import { soak } from './driver-suite/soak.ts';
import { splicing } from './driver-suite/splicing.ts';
import { streaming } from './driver-suite/streaming.ts';
import { runRows, type Subject } from './driver-suite/subject.ts';
import { unix } from './driver-suite/unix.ts';

export type { Subject };

/**
 * The contract of src/poll/driver.ts, rule by rule, against a driver itself: no FD, no Poller. One file a driver,
 * because not every driver can be twice in a process.
 */
export function driverSuite(subject: Subject): void {
  const { name } = subject;
  runRows(subject, `${name}: opening`, opening);
  runRows(subject, `${name}: newcomers`, newcomers);
  runRows(subject, `${name}: receiving`, receiving);
  runRows(subject, `${name}: streaming`, streaming);
  runRows(subject, `${name}: sending`, sending);
  runRows(subject, `${name}: sending for many`, batches);
  runRows(subject, `${name}: shutdown and close`, closing);
  runRows(subject, `${name}: synchronous attempts`, attempts);
  runRows(subject, `${name}: splicing`, splicing);
  runRows(subject, `${name}: pipes`, pipes);
  runRows(subject, `${name}: datagrams`, datagrams);
  runRows(subject, `${name}: options`, options);
  runRows(subject, `${name}: Unix sockets`, unix);
  runRows(subject, `${name}: the event loop`, loop);
  runRows(subject, `${name}: processes`, processes, 4);
  runRows(subject, `${name}: soak`, soak);
}
