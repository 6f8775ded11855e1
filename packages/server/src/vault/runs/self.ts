// What a run asks with its own token (V22): itself, its heartbeat, its end. The token opens these routes and the proxy, and no other route of the API.
import { Problem } from '@countersign/sdk'
import { parseKey, sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { type Db, once, tx } from '../../db/tx.ts'
import type { GuestBearer } from '../../identity/house.ts'
import { usable } from '../connections/choose.ts'
import type { VaultHouse } from '../house.ts'
import type { Definition } from '../providers/definition.ts'
import { endRunIn, envOf, showRun } from './run.ts'
import { beatIfLive, findRun, type RunInUse, useRun } from './sql.ts'

export type RunScope = Scope & { readonly runId: string }

const ALL = { user: null, agent: null }

export const runBearers = (house: { db: Db }): GuestBearer[] =>
  ['cs_live_prx_', 'cs_test_prx_'].map((prefix) => ({
    prefix,
    async scopeOf(request, token, route) {
      const [run] = parseKey(token) ? await once<RunInUse>(house.db, useRun(sha256(token))) : []
      if (!run || run.tenant_state === 'erased') throw new Problem('key_invalid')
      if (!route?.path.startsWith('/runs/self') && route?.path !== '/proxy/ca')
        throw new Problem('forbidden', { detail: 'A run’s token opens its own run alone.' })
      if (run.ended || run.agent_state !== 'active') throw new Problem('run_ended', { run_id: run.id })
      return scopeOfRun(run, request.id)
    },
  }))

/** No right of the matrix: what a run may, its routes say. */
const scopeOfRun = (run: RunInUse, requestId: string): RunScope => ({
  tenantId: run.tenant_id,
  principal: run.agent_id,
  actor: { type: 'agent', id: run.agent_id },
  role: null,
  isHost: false,
  scopes: [],
  agentId: run.agent_id,
  userId: run.owner_id,
  displayName: run.agent_name,
  requestId,
  stepUpAt: null,
  tenantState: run.tenant_state,
  runId: run.id,
})

function idOf(scope: Scope): string {
  if (!('runId' in scope)) throw new Problem('forbidden', { detail: 'This is asked with the token of a run.' })
  return (scope as RunScope).runId
}

export const ownRun = (house: VaultHouse, scope: Scope) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const id = idOf(scope)
      const row = await findRun(t, scope, id, ALL)
      if (!row || row.ended_at !== null) throw new Problem('run_ended', { run_id: id })
      const can = await usable(t, scope, row.agent_id)
      return {
        run: showRun(row, t.now),
        routes: can.map(({ connection, definition, placeholder, grants }) => ({
          connection_id: connection.id,
          provider: connection.provider,
          name: connection.name,
          status: connection.status,
          hosts: definition.hosts.map(({ host }) => host),
          placeholder,
          env: Object.keys(definition.env ?? {}),
          key_patterns: keyPatternsOf(definition),
          grant_ids: grants.map((grant) => grant.id),
        })),
        env: envOf(can, row.chosen),
      }
    },
    { readOnly: true },
  )

/** How secrets of this provider look, as its definition says: what whoever masks output looks for. */
const keyPatternsOf = ({ api_key: form }: Definition): string[] =>
  (form?.fields ?? []).flatMap(({ secret, pattern }) => (secret && pattern !== undefined ? [pattern] : []))

export const beatRun = (house: VaultHouse, scope: Scope) =>
  tx(house.db, scope, async (t) => {
    const beat = await beatIfLive(t, scope, idOf(scope))
    if (!beat) throw new Problem('run_ended', { run_id: idOf(scope) })
    return beat
  })

export const endOwnRun = (house: VaultHouse, scope: Scope, reason: string) =>
  tx(house.db, scope, async (t) => {
    const ended = await endRunIn(house, t, scope, idOf(scope), reason)
    if (!ended) throw new Problem('run_ended', { run_id: idOf(scope) })
    return showRun(ended, t.now)
  })
