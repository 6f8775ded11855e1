// Blocks (relay.md R120): whom a tenant refuses — a whole tenant, one agent, or whoever proved a domain. What a block stops is asked where it is stopped; whoever is blocked
// is answered as if policy had refused. Ends no relay grant and no thread: that is `revoke`.
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { newId, tenantUuid, tenantWire } from '../../std/id.ts'
import type { RelayHouse } from '../house.ts'
import { type BlockRow, deleteBlock, findBlock, findBlockOf, insertBlockIfNone, listBlockRows } from './sql.ts'

type House = Pick<RelayHouse, 'db' | 'keyring'>
export type Refused = { tenant?: string; agent?: string; domain?: string }
export type ShownBlock = ReturnType<typeof showBlock>

/** `again`: told where the same was blocked before; there is one row of it. */
export const createBlock = (
  house: House,
  scope: Scope,
  { reason, ...refused }: Refused & { reason?: string },
  again: () => void,
): Promise<ShownBlock> => {
  const named = Object.values(refused).filter((one) => one !== undefined)
  if (named.length !== 1) throw invalid('', 'Say one of tenant, agent and domain.')
  const tenant = refused.tenant === undefined ? null : tenantUuid(refused.tenant)
  if (tenant === scope.tenantId) throw invalid('/tenant', 'This is your own tenant.')
  const domain = refused.domain?.toLowerCase() ?? null
  const agent = refused.agent ?? null
  return tx(house.db, scope, async (t) => {
    const one = { blocked_tenant: tenant, blocked_agent: agent, blocked_domain: domain, reason: reason ?? null }
    const id = newId('blk', t.now.getTime())
    const made = await insertBlockIfNone(t, scope, { id, ...one, created_by: scope.principal })
    if (!made) {
      again()
      return showBlock((await findBlockOf(t, scope, (tenant ?? agent ?? domain) as string)) as BlockRow)
    }
    await tell(t, scope, 'block.created', made)
    return showBlock(made)
  })
}

export const removeBlock = (house: House, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const gone = await deleteBlock(t, scope, id)
    if (!gone) throw new Problem('not_found')
    await tell(t, scope, 'block.removed', gone)
    return null
  })

export const getBlock = (house: House, scope: Scope, id: string): Promise<ShownBlock> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await findBlock(t, scope, id)
      if (!row) throw new Problem('not_found')
      return showBlock(row)
    },
    { readOnly: true },
  )

export async function listBlocks(house: House, scope: Scope, { limit, cursor }: { limit: number; cursor?: string }) {
  const at = { tenantId: scope.tenantId, route: 'GET /blocks', filter: {} }
  return tx(
    house.db,
    scope,
    async (t) => {
      const below = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listBlockRows(t, scope, below, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
      return { ...page, data: page.data.map(showBlock) }
    },
    { readOnly: true },
  )
}

const showBlock = (row: BlockRow) => ({
  id: row.id,
  tenant: row.blocked_tenant === null ? null : tenantWire(row.blocked_tenant),
  agent: row.blocked_agent,
  domain: row.blocked_domain,
  reason: row.reason,
  created_by: row.created_by,
  created_at: row.created_at,
})

function tell(t: Parameters<typeof record>[0], scope: Scope, type: 'block.created' | 'block.removed', row: BlockRow) {
  const { id, tenant, agent, domain } = showBlock(row)
  const data = { block_id: id, ...(tenant && { tenant }), ...(agent && { agent }), ...(domain && { domain }) }
  return record(t, scope, type, data, { resource: { type: 'block', id } })
}

const invalid = (path: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code: 'invalid', message }] })
