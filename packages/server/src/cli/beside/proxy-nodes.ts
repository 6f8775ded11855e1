// Who may call the gate, in the database that the settings name; and the key of a proxy, made on the machine where this runs. The record is that of the
// installation's first tenant and says system:cli.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { openDb, tx } from '../../db/tx.ts'
import { homeTenant } from '../../identity/sql.ts'
import { withDatabase } from '../../main/boot.ts'
import { type Config, processContext, readConfig } from '../../main/config.ts'
import { gateFile } from '../../main/gate.ts'
import { keptIdentity } from '../../main/node/identity.ts'
import { type EnrolHouse, enrolNode, expelNode, listNodesOf, type Node } from '../../main/node/nodes.ts'
import { openLog } from '../../std/log.ts'

export type { Node }

/** On the machine of the proxy: its key, made when it is not there. Answers what the house is told. */
export async function ownIdentity(file: string): Promise<{ file: string; fingerprint: string }> {
  const { fingerprint } = await keptIdentity(file, 'node', 'proxy.node')
  return { file, fingerprint }
}

export type Enrolled = { node: Node; gate_fingerprint: string; gate_listen: string | null }

/** At the house: the gate's own key is made when it is not there. */
export const enrol = (fingerprint: string, name: string): Promise<Enrolled> =>
  inHouse(async (house, scope, config) => {
    const gate = await keptIdentity(gateFile(config), 'gate', 'gate.listen')
    const node = await enrolNode(house, scope, { fingerprint, name })
    const at = config.gateListen
    return {
      node,
      gate_fingerprint: gate.fingerprint,
      gate_listen: at === null ? null : 'path' in at ? `unix:${at.path}` : `${at.host}:${at.port}`,
    }
  })

export const expel = (id: string): Promise<void> => inHouse((house, scope) => expelNode(house, scope, id))

export const nodes = (): Promise<Node[]> =>
  inHouse(async (house, scope) => {
    const rows: Node[] = []
    for (;;) {
      const page = await listNodesOf(house, scope, { from: rows.at(-1)?.id ?? null, limit: 200 })
      rows.push(...page)
      if (page.length < 200) return rows
    }
  })

function inHouse<T>(work: (house: EnrolHouse, scope: Scope, config: Config) => Promise<T>): Promise<T> {
  const { env, context } = processContext()
  const config = readConfig(env, context)
  const log = openLog({ level: 'warn', pretty: true })
  return withDatabase(config, log, async ({ runtimeUrl }) => {
    const db = await openDb({ url: runtimeUrl, log })
    try {
      const { id } = await tx(db, systemScope('cli'), homeTenant, { readOnly: true })
      if (id === null) throw new Problem('not_ready', { detail: 'Set the installation up first: countersign setup link.' })
      return await work({ db }, systemScope('cli', id), config)
    } finally {
      await db.close()
    }
  })
}
