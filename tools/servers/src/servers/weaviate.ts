import path from 'node:path'
import { go } from '../needs.ts'
import { accepts, http } from '../probe.ts'
import type { ServerDefinition } from '../types.ts'

export const weaviate: ServerDefinition = {
  name: 'weaviate',
  title: 'Weaviate',
  version: '1.35.2',
  source: 'Go github.com/weaviate/weaviate, built here',
  needs: [go],
  memory: 180,
  prepareSeconds: 180,
  ports: { http: 18_080, grpc: 18_051, gossip: 18_052, data: 18_053, raft: 18_054, raftRpc: 18_055 },
  env: ({ http: port, grpc }) => ({
    VERITAS_WEAVIATE_URL: `http://127.0.0.1:${port}`,
    VERITAS_WEAVIATE_GRPC: `127.0.0.1:${grpc}`,
  }),
  prepare: async (context) => {
    await context.run(
      'go',
      [...['install', '-buildvcs=false', '-ldflags=-s -w'], 'github.com/weaviate/weaviate/cmd/weaviate-server@v1.35.2'],
      { env: { GOFLAGS: '', GOBIN: context.install, CGO_ENABLED: '0' } },
    )
  },
  command: ({ install, data, ports }) => ({
    file: path.join(install, 'weaviate-server'),
    args: ['--host', '127.0.0.1', '--port', String(ports.http), '--scheme', 'http'],
    env: {
      PERSISTENCE_DATA_PATH: data,
      AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: 'true',
      DEFAULT_VECTORIZER_MODULE: 'none',
      API_BASED_MODULES_DISABLED: 'true',
      CLUSTER_HOSTNAME: 'node1',
      CLUSTER_IN_LOCALHOST: 'true',
      CLUSTER_ADVERTISE_ADDR: '127.0.0.1',
      CLUSTER_BIND_ADDR: '127.0.0.1',
      GRPC_PORT: String(ports.grpc),
      CLUSTER_GOSSIP_BIND_PORT: String(ports.gossip),
      CLUSTER_DATA_BIND_PORT: String(ports.data),
      RAFT_PORT: String(ports.raft),
      RAFT_INTERNAL_RPC_PORT: String(ports.raftRpc),
      // One node elects itself at once instead of waiting for others.
      RAFT_JOIN: 'node1',
      RAFT_BOOTSTRAP_EXPECT: '1',
      RAFT_TIMEOUTS_MULTIPLIER: '1',
      RAFT_HEARTBEAT_TIMEOUT: '1',
      RAFT_ELECTION_TIMEOUT: '1',
      DISABLE_TELEMETRY: 'true',
      GO_PROFILING_DISABLE: 'true',
      PROMETHEUS_MONITORING_ENABLED: 'false',
    },
  }),
  ready: async ({ http: port = 0, grpc = 0 }) => {
    // 503 until raft has a leader
    await http(port, '/v1/.well-known/ready')
    await http(port, '/v1/schema')
    await accepts(grpc)
  },
}
