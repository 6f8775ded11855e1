// A token that its vendor ends when nobody uses it (V47), and that nothing renews: it is used by the call that its definition names, before the limit. What has a refresh
// token is renewed instead, which is a use as well.
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { outsideOf } from '../authorizations/flow.ts'
import { ProviderFault } from '../authorizations/protocol/fault.ts'
import { call } from '../authorizations/protocol/server.ts'
import { textOf } from '../authorizations/protocol/tokens.ts'
import { tryMaterial } from '../authorizations/test-call.ts'
import type { VaultHouse } from '../house.ts'
import { openMaterial } from '../material/material.ts'
import { definitionAt } from '../providers/catalogue.ts'
import type { Definition, Material } from '../providers/definition.ts'
import { fillUrl } from '../providers/params.ts'
import { nextMoment } from './moment.ts'
import { needReauth } from './need.ts'
import { canRenew } from './refresh.ts'
import { findForRefresh, type RefreshRow, setNextUse } from './sql.ts'

const SOON_MS = 3_600_000

/** True: it was seen to here, and is not to be renewed. */
export async function keepAlive(house: VaultHouse, tenantId: string, id: string): Promise<boolean> {
  const scope = systemScope('refresh', tenantId)
  const found = await tx(house.db, scope, async (t) => {
    const row = await findForRefresh(t, scope, id)
    if (row?.status !== 'connected' || row.refresh_at === null || row.refresh_at > t.now) return null
    const definition = await definitionAt(house, t, scope, row.provider, row.definition_version)
    if (!definition) return null
    const material = await openMaterial(house, t, scope, row)
    return canRenew(row, definition, material) ? null : { row, definition, material }
  })
  if (found === null) return false
  await put(house, scope, found.row, found.definition, await use(house, scope, found))
  return true
}

type Found = { row: RefreshRow; definition: Definition; material: Material }
/** `silent`: nobody answered. `nothing`: the definition names no call. */
type Used = 'used' | 'refused' | 'silent' | 'nothing'

async function use(house: VaultHouse, scope: Scope, { row, definition, material }: Found): Promise<Used> {
  const outside = outsideOf(house, scope)
  const tried = await tryMaterial(outside, definition, row.params, material)
  if (tried !== null) return tried.ok ? 'used' : tried.status === 401 ? 'refused' : 'silent'
  const url = definition.oauth?.userinfo?.url
  const token = textOf(material, 'access_token')
  if (url === undefined || token === null) return 'nothing'
  try {
    const headers = { authorization: `Bearer ${token}` }
    const { status } = await call(outside, { url: fillUrl(url, row.params), method: 'GET', headers })
    return status === 401 ? 'refused' : status < 300 ? 'used' : 'silent'
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    return 'silent'
  }
}

const put = (house: VaultHouse, scope: Scope, row: RefreshRow, { oauth }: Definition, used: Used): Promise<void> =>
  tx(house.db, scope, async (t) => {
    if (used === 'refused') return void (await needReauth(t, scope, row.id, 'idle', 'http_401', row.generation))
    const idle = nextMoment(t.now, { expiresAt: null, renews: false, idleDays: oauth?.idle_days })
    // Without a call to make there is no sense in coming back soon.
    const at = used === 'silent' || idle === null ? new Date(t.now.getTime() + SOON_MS) : idle
    await setNextUse(t, scope, row.id, row.refresh_at as Date, at, used === 'silent' ? 'keep_alive_failed' : null)
  })
