// A process of the role `proxy` as the product starts it: its own login, its line to the gate, policy, redaction, events and leases on, one line of the log for each
// request. Nothing of it is made easier for the benchmark.
import { readConfig } from '../../packages/server/src/main/config.ts'
import { logMemory } from '../../packages/server/src/main/log-memory.ts'
import { bootProxy, type Handed, type RunningProxy } from '../../packages/server/src/main/node/process.ts'
import { openLog } from '../../packages/server/src/std/log.ts'
import { serve } from './remote.ts'

let running: RunningProxy | null = null

const verbs = {
  async start({ handed, settings }: { handed: Handed; settings: Record<string, string> }): Promise<number> {
    const config = readConfig(
      {
        COUNTERSIGN_ENVIRONMENT: 'development',
        COUNTERSIGN_ROLES: 'proxy',
        COUNTERSIGN_PROXY_LISTEN: '127.0.0.1:0',
        ...settings,
      },
      { cwd: '/tmp', isRoot: false },
    )
    running = await bootProxy(config, openLog({ level: config.logLevel, memory: logMemory }), handed)
    return Number(new URL(running.url).port)
  },
  cpu: () => process.cpuUsage(),
}
export type NodeProcess = typeof verbs

serve(verbs, () => running?.close())
