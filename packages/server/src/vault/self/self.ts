// What an agent asks of itself: who it is, with which key it came, and what it may use. Metadata only; it names nothing that is not the agent's.
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { type Agent, findAgent, findKey, type KeyRow } from '../../identity/sql.ts'
import { usable } from '../connections/choose.ts'
import type { VaultHouse } from '../house.ts'

const ALL = { user: null, agent: null }

export const readSelf = (house: VaultHouse, scope: Scope) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const { agentId, actor } = scope
      if (agentId === null || actor.key_id === undefined)
        throw new Problem('forbidden', { detail: 'An agent asks this of itself, with its own key.' })
      const agent = (await findAgent(t, scope, agentId, ALL)) as Agent
      const key = (await findKey(t, scope, actor.key_id, ALL)) as KeyRow
      const can = await usable(t, scope, agentId)
      return {
        agent,
        key: { id: key.id, thumbprint: scope.proof?.thumbprint ?? null, scopes: key.scopes, expires_at: key.expires_at },
        proof: scope.proof ? ('dpop' as const) : ('key' as const),
        connections: can.map(({ connection: one }) => ({
          id: one.id,
          provider: one.provider,
          name: one.name,
          status: one.status,
          expires_at: one.expires_at,
        })),
        grants: can.flatMap(({ grants }) =>
          grants.map((one) => ({ id: one.id, connection_id: one.connection_id, expires_at: one.expires_at })),
        ),
      }
    },
    { readOnly: true },
  )
