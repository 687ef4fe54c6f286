import type { Server } from './server.ts';
import { VERSION } from './version.ts';

type Rows = readonly (readonly [name: string, value: string | number])[];

function sections(server: Server): Record<string, Rows> {
  const seconds = Math.floor((Date.now() - server.startedAt) / 1000);
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const { config, stats, log, blocked, pubsub } = server;
  return {
    Server: [
      ['redis_version', VERSION],
      ['redis_mode', 'standalone'],
      ['server_name', 'gopark-example'],
      ['node_version', process.versions.node],
      ['process_id', process.pid],
      ['tcp_port', config.port],
      ['uptime_in_seconds', seconds],
      ['uptime_in_days', Math.floor(seconds / 86_400)],
    ],
    Clients: [
      ['connected_clients', server.clients.size],
      ['maxclients', config.maxClients],
      ['blocked_clients', blocked.size],
    ],
    Memory: [
      ['used_memory', heapUsed],
      ['used_memory_rss', rss],
      ['maxmemory', 0],
      ['maxmemory_policy', 'noeviction'],
    ],
    Persistence: [
      ['loading', server.expires ? 0 : 1],
      ['rdb_changes_since_last_save', server.dirty],
      ['aof_enabled', log === null ? 0 : 1],
      ['aof_last_write_status', log === null || log.failure === null ? 'ok' : 'err'],
    ],
    Stats: [
      ['total_connections_received', stats.connections],
      ['total_commands_processed', stats.commands],
      ['rejected_connections', stats.rejected],
      ['expired_keys', stats.expired],
      ['client_output_buffer_limit_disconnections', stats.droppedClients],
      ['pubsub_channels', pubsub.channels.size],
      ['pubsub_patterns', pubsub.patterns.size],
    ],
    Replication: [
      ['role', 'master'],
      ['connected_slaves', 0],
    ],
    CPU: [
      ['used_cpu_sys', (system / 1e6).toFixed(6)],
      ['used_cpu_user', (user / 1e6).toFixed(6)],
    ],
    Cluster: [['cluster_enabled', 0]],
    Keyspace: server.databases
      .filter(({ size }) => size > 0)
      .map((db) => [`db${db.index}`, `keys=${db.size},expires=${db.volatileKeys},avg_ttl=0`] as const),
  };
}

/** The text of INFO: the named sections, or all. */
export function information(server: Server, wanted: ReadonlySet<string>): string {
  const everything = wanted.size === 0 || ['all', 'default', 'everything'].some((name) => wanted.has(name));
  return Object.entries(sections(server))
    .filter(([title]) => everything || wanted.has(title.toLowerCase()))
    .map(([title, rows]) => `# ${title}\r\n${rows.map(([name, value]) => `${name}:${value}\r\n`).join('')}`)
    .join('\r\n');
}
