// Keys of providers by name (T65, T127): put, listed without themselves, taken away. A key is bound to one address when it is stored, and leaves for no other,
// whatever a task says. It is never read from the environment and never shown again.
import { Problem } from '@countersign/sdk'
import { openText, sealText } from '../../crypto/seal.ts'
import { Secret } from '../../crypto/secret.ts'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { invalid } from '../settle.ts'
import type { ModelProvider } from './config.ts'
import {
  clearDefault,
  deleteProviderKeyRow,
  findProviderKey,
  findProviderKeys,
  lockProviderKeys,
  type ProviderKeyRow,
  upsertProviderKey,
} from './sql.ts'

const MOST = 100

const place = (scope: Scope, name: string) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'provider_keys',
  column: 'material',
  row: name,
})

export type ProviderKeyInput = {
  provider: ModelProvider
  key?: string | null
  base_url?: string | null
  model?: string | null
  is_default?: boolean
  input_price?: number | null
  output_price?: number | null
}

export const showProviderKey = (row: ProviderKeyRow) => ({
  name: row.name,
  provider: row.provider,
  has_key: row.material !== null,
  base_url: row.base_url,
  model: row.model,
  is_default: row.is_default,
  input_price: row.input_price,
  output_price: row.output_price,
  created_by: row.created_by,
  created_at: row.created_at,
  updated_at: row.updated_at,
})

export async function listProviderKeys(house: TasksHouse, scope: Scope) {
  const rows = await tx(house.db, scope, (t) => findProviderKeys(t, scope), { readOnly: true })
  return { data: rows.map(showProviderKey), next_cursor: null }
}

/** A new one, or the same name with another key. Without `key` the stored one stays; it never follows to another address or provider. */
export async function putProviderKey(house: TasksHouse, scope: Scope, name: string, input: ProviderKeyInput) {
  const base_url = input.base_url ? await addressOf(house, scope, input.base_url) : null
  if (base_url === null && (input.provider === 'azure_openai' || input.provider === 'openai_compatible'))
    throw invalid('/base_url', 'required', 'This provider has no address of its own: say where it is.')
  return tx(house.db, scope, async (t) => {
    await lockProviderKeys(t, scope)
    const all = await findProviderKeys(t, scope)
    const before = all.find((one) => one.name === name)
    if (!before && all.length >= MOST)
      throw new Problem('state_conflict', { detail: `A tenant has at most ${MOST} provider keys.` })
    const material = input.key
      ? sealText(await tenantKey(house, t, scope), place(scope, name), input.key)
      : keptMaterial(before, input.provider, base_url)
    if (material === null && input.provider !== 'openai_compatible')
      throw invalid('/key', 'required', 'This provider wants a key.')
    const others = all.filter((one) => one.provider === input.provider && one.name !== name)
    const is_default = input.is_default ?? before?.is_default ?? !others.some((one) => one.is_default)
    if (is_default) await clearDefault(t, scope, input.provider, name)
    const { provider, model = null, input_price = null, output_price = null } = input
    await upsertProviderKey(t, scope, { name, provider, material, base_url, is_default, model, input_price, output_price })
    await record(t, scope, 'settings.changed', { setting: 'provider_key', name, provider, to: before ? 'replaced' : 'added' })
    return showProviderKey((await findProviderKey(t, scope, name)) as ProviderKeyRow)
  })
}

/** Whoever may change an address would otherwise have the key sent to one of theirs. */
function keptMaterial(before: ProviderKeyRow | undefined, provider: ModelProvider, base_url: string | null): Buffer | null {
  if (!before?.material) return null
  if (before.provider === provider && before.base_url === base_url) return before.material
  throw invalid('/key', 'required', 'With another provider or address the key has to be given again.')
}

async function addressOf(house: TasksHouse, scope: Scope, given: string): Promise<string> {
  const url = await house.checkUrl(given, '/base_url', scope.tenantId)
  if (new URL(url).search !== '') throw invalid('/base_url', 'format', 'This must be an address without a query.')
  return url.replace(/\/+$/, '')
}

export const removeProviderKey = (house: TasksHouse, scope: Scope, name: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const row = await findProviderKey(t, scope, name)
    if (!row) throw new Problem('not_found')
    await deleteProviderKeyRow(t, scope, name)
    await record(t, scope, 'settings.changed', { setting: 'provider_key', name, provider: row.provider, to: 'removed' })
    return null
  })

/** What a verifier talks with: the named key, else the default of its provider; null when there is none. */
export function keyFor(rows: readonly ProviderKeyRow[], provider: ModelProvider, name: string | null): ProviderKeyRow | null {
  const own = rows.filter((one) => one.provider === provider)
  return (name === null ? own.find((one) => one.is_default) : own.find((one) => one.name === name)) ?? null
}

export type Access = { key: Secret | null; base_url: string | null; model: string | null; prices: [number, number] | null }

export async function openAccess(house: TasksHouse, t: Tx, scope: Scope, row: ProviderKeyRow): Promise<Access> {
  const { material, base_url, model, input_price, output_price } = row
  const key = material && new Secret(openText(await tenantKey(house, t, scope), place(scope, row.name), material))
  return { key, base_url, model, prices: input_price === null || output_price === null ? null : [input_price, output_price] }
}
