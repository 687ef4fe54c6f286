// The module that each P of `gopark gateway --procs N` serves with.
import { proc } from '../../../serve/index.ts';
import { loopLimits } from '../gateway.ts';
import { Branch } from './branch.ts';
import type { Wiring } from './wiring.ts';

const { index, data } = proc();
const { hall } = await Branch.open(index, data as Wiring);

export const { onPrepare, onRequest, onDisconnect } = hall;
export const limits = loopLimits;
export const onShutdown = (): Promise<void> => hall.finish();
