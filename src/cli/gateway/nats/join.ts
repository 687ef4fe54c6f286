import type { GatewayOptions } from '../options.ts';
import type { NatsMarket } from './nats-market.ts';

/** The market that the gateway shares with others; null: it has its own, and none of this is loaded. */
export async function joinMarket({ nats }: GatewayOptions): Promise<NatsMarket | null> {
  if (nats === null) return null;
  const { NatsMarket } = await import('./nats-market.ts');
  return NatsMarket.join(nats);
}

/** Says what it could not pass on. */
export async function leaveMarket(market: NatsMarket | null): Promise<void> {
  const lost = (await market?.leave()) ?? 0;
  if (lost > 0) console.error(`gopark gateway: NATS: ${lost} prices could not be published any more`);
}
