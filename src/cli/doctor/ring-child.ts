// A process of its own: where a filter of system calls is strict, to try io_uring is to end.
import { loadNative } from '../../poll/drivers/epoll/native.ts';
import { describeRefusal, tryRing } from '../../poll/drivers/uring/trial.ts';

const { refusal, incremental, plainSends } = tryRing(loadNative());
const why = refusal === null ? null : describeRefusal(refusal);
console.log(JSON.stringify({ why, incremental, plainSends }));
