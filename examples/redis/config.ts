/** What the server was started with. */
export interface Config {
  readonly port: number;
  readonly host: string;
  /** Null: everybody may do everything. */
  readonly password: string | null;
  readonly databases: number;
  /** The file that the log is in; null: none, all is forgotten at the end. */
  readonly appendOnly: string | null;
  readonly appendSync: 'always' | 'everysec' | 'no';
  readonly maxClients: number;
  /** Bytes that may wait for a client that does not read. */
  readonly outputLimit: number;
}

export const defaults: Config = {
  port: 6379,
  host: '127.0.0.1',
  password: null,
  databases: 16,
  appendOnly: null,
  appendSync: 'everysec',
  maxClients: 10_000,
  outputLimit: 32 * 1024 * 1024,
};

/** What CONFIG GET knows, by Redis's names. */
export function parameters(config: Config): Map<string, string> {
  return new Map([
    ['port', String(config.port)],
    ['bind', config.host],
    ['databases', String(config.databases)],
    ['requirepass', config.password ?? ''],
    ['appendonly', config.appendOnly === null ? 'no' : 'yes'],
    ['appendfilename', config.appendOnly ?? ''],
    ['appendfsync', config.appendSync],
    ['maxclients', String(config.maxClients)],
    ['maxmemory', '0'],
    ['maxmemory-policy', 'noeviction'],
    ['save', ''],
    ['timeout', '0'],
  ]);
}
