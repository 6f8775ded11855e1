// How the proxies are, for the status page: numbers alone, and nobody's name.

import { SILENT_SECONDS } from '../../proxy/enrol/node.ts'
import { nodesLag } from '../../proxy/enrol/sql.ts'
import { above, type Probe } from '../../status/probe.ts'

export const proxyProbe: Probe = {
  name: 'proxy',
  title: 'Proxy',
  says: 'Whether the proxies are there, and how old what they know is.',
  async measure(t) {
    const { nodes, silent_nodes: silent, lag_ms: lag } = await nodesLag(t, SILENT_SECONDS)
    const state = silent === 0 ? above(lag, 1_000, 5_000) : silent < nodes ? 'warn' : 'outage'
    return { state, measured: { nodes, silent, lag_ms: lag } }
  },
}
