// Cookies that a site renews while an agent uses it (V45): those that the definition names in `capture` are stored sealed in place of the old ones. The data path withholds
// them from the agent; here it hands in what it kept.
import { type Scope, tx } from '../../db/tx.ts'
import { definitionOf } from '../connections/definition.ts'
import { findSealed } from '../connections/sql.ts'
import { writeMaterial } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import { openMaterial } from '../material/material.ts'
import { cookieFields } from '../providers/cookies.ts'
import { topicOf } from './need.ts'

const LONGEST = 16_384
/** RFC 6265 §4.1.1. */
const VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/

/** `generation`: of what was sent. False: nothing of it is to be kept, or somebody has written another meanwhile. */
export async function keepCookies(
  house: Pick<VaultHouse, 'db' | 'keyring'>,
  scope: Scope,
  connectionId: string,
  generation: number,
  cookies: Readonly<Record<string, string>>,
): Promise<boolean> {
  return tx(house.db, scope, async (t) => {
    const row = await findSealed(t, scope, connectionId)
    if (row?.status !== 'connected' || row.generation !== generation || row.material === null) return false
    const definition = await definitionOf(t, scope, row)
    if (!definition) return false
    const fields = cookieFields(definition)
    const captured = definition.capture?.cookies ?? []
    const renewed = Object.entries(cookies).flatMap(([name, value]) => {
      const field = fields.get(name)
      return field !== undefined && captured.includes(name) && value.length <= LONGEST && VALUE.test(value)
        ? [[field, value] as const]
        : []
    })
    const before = await openMaterial(house, t, scope, row)
    if (renewed.every(([field, value]) => before[field] === value)) return false
    const written = await writeMaterial(house, t, scope, connectionId, {
      expectedGeneration: generation,
      material: { ...before, ...Object.fromEntries(renewed) },
      // How long the session counts is what its human said; a site may end it sooner.
      expiresAt: row.expires_at,
      refreshAt: row.refresh_at,
      as: 'connection.refreshed',
    })
    if (written) t.wake(topicOf(connectionId))
    return written !== null
  })
}
