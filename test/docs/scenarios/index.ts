import type { Scenario } from '../programs.ts';
import { eventloop } from './eventloop.ts';
import { fromGo } from './from-go.ts';
import { fromNode } from './from-node.ts';
import { io } from './io.ts';
import { net } from './net.ts';
import { operating } from './operating.ts';
import { os } from './os.ts';
import { runtime } from './runtime.ts';

/** By 'PAGE#NAME': what a program on a page needs around it, who talks with it, what it prints. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  Object.entries({ ...eventloop, ...fromGo, ...fromNode, ...io, ...net, ...operating, ...os, ...runtime }),
);
