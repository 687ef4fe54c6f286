import { readFileSync } from 'node:fs';
import { AddrError } from './errors.ts';

/** For machines without a list of their own. */
const WELL_KNOWN: Readonly<Record<string, number>> = {
  'tcp/ftp': 21,
  'tcp/ssh': 22,
  'tcp/telnet': 23,
  'tcp/smtp': 25,
  'tcp/domain': 53,
  'udp/domain': 53,
  'tcp/http': 80,
  'tcp/pop3': 110,
  'udp/ntp': 123,
  'tcp/imap2': 143,
  'udp/snmp': 161,
  'tcp/ldap': 389,
  'tcp/https': 443,
  'udp/https': 443,
  'udp/syslog': 514,
  'tcp/submission': 587,
  'tcp/ldaps': 636,
  'tcp/imaps': 993,
  'tcp/pop3s': 995,
  'tcp/redis': 6379,
};

/** Reads the text of a services file: 'tcp/http' and so on to ports. */
export function parseServices(text: string): Map<string, number> {
  const ports = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, at, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const [, port, protocol] = /^(\d+)\/(tcp|udp)$/.exec(at ?? '') ?? [];
    if (port === undefined) continue;
    for (const each of [name!, ...aliases]) {
      const key = `${protocol}/${each.toLowerCase()}`;
      if (!ports.has(key)) ports.set(key, Number(port));
    }
  }
  return ports;
}

let services: Map<string, number> | null = null;

function systemServices(): Map<string, number> {
  if (services === null) {
    try {
      services = parseServices(readFileSync('/etc/services', 'utf8'));
    } catch {
      services = new Map();
    }
    for (const [name, port] of Object.entries(WELL_KNOWN)) {
      if (!services.has(name)) services.set(name, port);
    }
  }
  return services;
}

/**
 * The port of a service: 'http' is 80, '80' is itself, '' is 0.
 *
 * @param transport 'tcp' or 'udp', also with a 4 or 6 behind
 * @throws AddrError for a service that this machine does not know and a number that is no port.
 */
export function portOf(transport: string, service: string, address = service): number {
  if (service === '') return 0;
  if (/^\d{1,5}$/.test(service) && Number(service) <= 65_535) return Number(service);
  const kind = transport.replace(/[46]$/, '');
  const port = /^[a-z0-9][a-z0-9-]*$/i.test(service)
    ? systemServices().get(`${kind}/${service.toLowerCase()}`)
    : undefined;
  if (port === undefined) throw new AddrError('invalid port', address);
  return port;
}
