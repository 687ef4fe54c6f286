import type { Counters } from './counters.ts';
import type { Market, Topic } from './market.ts';
import type { GatewayOptions } from './options.ts';
import type { Session } from './session.ts';

/** What a session is subscribed to; null: nothing, which costs nothing. */
export type Topics = readonly Topic[] | null;

/** The parts of a gateway that subscriptions concern. */
interface Place {
  readonly options: GatewayOptions;
  readonly counters: Counters;
  readonly market: Market;
}

/** Subscribes `session` to as many of `symbols` as the limits allow: its topics then, and why these are not all. */
export function subscribe(
  { options, counters, market }: Place,
  session: Session,
  before: Topics,
  symbols: readonly string[],
): { topics: readonly Topic[]; failed: string } {
  const topics = before?.slice() ?? [];
  let failed = '';
  for (const symbol of symbols) {
    if (market.isSubscribed(symbol, session)) continue;
    if (topics.length >= options.maxSubscriptions) failed = 'ERR too many subscriptions\n';
    const topic = failed === '' ? market.topic(symbol) : null;
    if (topic === null) {
      failed ||= 'ERR too many symbols\n';
      break;
    }
    topic.subscribers.add(session);
    topics.push(topic);
    counters.subscriptions++;
  }
  // An array that has grown holds room for many more.
  return { topics: topics.slice(), failed };
}

/** Ends the subscriptions to `symbols`; null: to all. What is left. */
export function unsubscribe(
  { counters, market }: Place,
  session: Session,
  before: Topics,
  symbols: readonly string[] | null,
): readonly Topic[] {
  const given = symbols === null ? null : new Set(symbols);
  const left: Topic[] = [];
  for (const topic of before ?? []) {
    if (given !== null && !given.has(topic.symbol)) {
      left.push(topic);
      continue;
    }
    topic.subscribers.delete(session);
    counters.subscriptions--;
    market.release(topic);
  }
  return left;
}
