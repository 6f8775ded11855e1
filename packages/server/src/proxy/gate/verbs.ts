// The three verbs of the gate (V81) as the control plane answers them. A node names only runs that it opened with the hash of a token that a client showed it;
// its calls are counted by run, and limited. Whatever else is asked is refused and logged as an alarm. Never hands out a refresh token, a root key, another tenant's row.
import { Problem } from '@countersign/sdk'
import { openText } from '../../crypto/seal.ts'
import { systemScope } from '../../db/scope.ts'
import { once, tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { isId, tenantWire } from '../../std/id.ts'
import { authorityPlace } from '../../vault/runs/authority.ts'
import { denial } from '../decide/deny.ts'
import { ask } from '../holds/ask.ts'
import type { Verbs } from './channel.ts'
import type { GateHouse } from './house.ts'
import { leaseMaterial, openHanded } from './material.ts'
import { readAsk, readMaterial, readOpen } from './read.ts'
import { type CallRow, findAuthorityKey, gateCall, gateOpen, type OpenedRow } from './sql.ts'
import type { AskResult, MaterialResult, OpenResult } from './wire.ts'

export type { GateHouse } from './house.ts'

/** Of one node for one run. A hundred requests a second without a lease are as many calls. */
export const MOST_CALLS_A_MINUTE = 12_000

export function gateVerbs(house: GateHouse, node: { id: string }): Verbs {
  const { db, log } = house.vault
  const handed = openHanded()
  const alarm = (what: string, about: object): void => log.error({ alarm: 'gate', node_id: node.id, ...about }, what)

  /** The tenant of a run that this node opened, and that is open. */
  async function callFor(verb: 'material' | 'ask', runId: string): Promise<string> {
    const [row] = isId('run', runId) ? await once<CallRow>(db, gateCall(node.id, runId, verb)) : []
    if (!row) {
      alarm('a node asked for a run that it never opened', { verb, run_id: String(runId).slice(0, 64) })
      throw new Problem('forbidden', { detail: 'This node did not open that run.' })
    }
    refuseTooMany(verb, runId, row.minute_calls)
    if (!row.is_open) throw denial('run_ended', { requestId: '', runId }).problem
    return row.tenant_id
  }
  function refuseTooMany(verb: string, runId: string, calls: number): void {
    if (calls <= MOST_CALLS_A_MINUTE) return
    if (calls === MOST_CALLS_A_MINUTE + 1) alarm('a node asks too often for a run', { verb, run_id: runId })
    throw new Problem('rate_limited', { bucket: 'gate', retry_after: 10 })
  }
  /** What no node sends is no request: said once, with nothing of it in the log. */
  function read<T>(verb: string, reader: (params: unknown) => T | null, params: unknown): T {
    const found = reader(params)
    if (found !== null) return found
    alarm('a node asked what no node asks', { verb })
    throw new Problem('request_invalid', { detail: 'The gate does not read this.' })
  }

  return {
    async open(params): Promise<OpenResult> {
      const { token_hash } = read('open', readOpen, params)
      const [row] = await once<OpenedRow>(db, gateOpen(node.id, Buffer.from(token_hash, 'hex')))
      if (!row) return null
      refuseTooMany('open', row.id, row.minute_calls)
      const scope = systemScope('gate', row.tenant_id)
      const authority = await tx(
        db,
        scope,
        async (t) => {
          const found = await findAuthorityKey(t, scope, row.authority_id)
          if (!found?.key) return null
          const key = openText(await tenantKey(house.vault, t, scope), authorityPlace(scope, row.authority_id), found.key)
          return { id: row.authority_id, certificate: found.certificate, key }
        },
        { readOnly: true },
      )
      // Its run ended in between.
      if (!authority) return null
      const { id, agent_id, expires_at } = row
      const run = { id, tenant: tenantWire(row.tenant_id), agent_id, expires_at: expires_at.toISOString() }
      return { run, authority, origin: house.vault.origin() }
    },
    async material(params): Promise<MaterialResult> {
      const asked = read('material', readMaterial, params)
      return leaseMaterial(house, await callFor('material', asked.run_id), asked, handed)
    },
    async ask(params): Promise<AskResult> {
      const asked = read('ask', readAsk, params)
      return ask(house, { tenantId: await callFor('ask', asked.run_id) }, asked)
    },
  }
}
