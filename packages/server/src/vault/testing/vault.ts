// What tests of the vault begin with: a house, a definition of the tenant's own, and connections whose material is a canary of the test.
import { type House, type Person, type SetupOptions, setup } from '#harness'
import { canonical } from '../../crypto/canonical.ts'
import { randomBytes, sha256 } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { type ConnectionRow, type NewConnection, storeConnection } from '../connections/store.ts'
import type { Definition } from '../providers/definition.ts'

export const canary = (): string => `canary-${randomBytes(12).toString('hex')}`

export const ALPHA: Definition = {
  schema: 1,
  name: 'alpha',
  kind: 'custom',
  display_name: 'Alpha',
  hosts: [{ host: 'api.example.com' }, { host: '*.eu.example.com' }],
  params: { region: { pattern: '^[a-z]{2}$', default: 'eu' } },
  methods: ['api_key'],
  api_key: { fields: [{ name: 'api_key', label: 'Key', secret: true }] },
  inject: [{ where: 'header', name: 'authorization', template: 'Bearer {{api_key}}' }],
  facts: { amount: { in: 'body', pointer: '/amount', type: 'long' } },
  env: { ALPHA_API_KEY: 'api_key' },
}

export type VaultTest = {
  house: House
  /** Puts a definition in force, as if it had been proposed and approved. */
  define(definition: Definition, version?: number): Promise<void>
  connect(own?: Partial<NewConnection> & { owner?: Person; value?: string }): Promise<ConnectionRow & { value: string }>
}

export const openVault = async (options: SetupOptions = {}): Promise<VaultTest> => vaultIn(await setup(options))

/** Of a house that stands already. */
export async function vaultIn(house: House): Promise<VaultTest> {
  const scope = systemScope('given', house.tenantId)
  const define = async (definition: Definition, version = 1) => {
    const text = canonical(definition)
    await house.admin.run`
      insert into providers (name, tenant_id, version, overrides, created_by, created_at)
      values (${definition.name}, ${house.tenantId}::uuid, ${version}, false, ${house.alice.id}, now())
      on conflict (tenant_id, name) do update set version = excluded.version`
    await house.admin.run`
      update definitions set state = 'superseded' where tenant_id = ${house.tenantId}::uuid and provider = ${definition.name} and state = 'active'`
    await house.admin.run`
      insert into definitions (provider, tenant_id, version, digest, source, definition, state, proposed_by, proposed_at)
      values (${definition.name}, ${house.tenantId}::uuid, ${version}, ${sha256(text)}, ${text}, ${text}::jsonb, 'active', ${house.alice.id}, now())`
    await house.admin.run`
      insert into provider_names (name, tenant_id, provider) values (${definition.name}, ${house.tenantId}::uuid, ${definition.name})
      on conflict do nothing`
  }
  await define(ALPHA)
  return {
    house,
    define,
    async connect({ owner = house.alice, value = canary(), ...own } = {}) {
      const row = await tx(house.db, scope, (t) =>
        storeConnection(house, t, scope, {
          ...{ provider: 'alpha', version: 1, belongs: { owner: owner.id }, method: 'api_key', params: { region: 'eu' } },
          ...{ material: { api_key: value } },
          ...own,
        }),
      )
      return { ...row, value }
    },
  }
}

/** Every form in which a secret could stand somewhere (vault.md §12). */
export function formsOf(value: string): string[] {
  const bytes = Buffer.from(value)
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : shift + 1, -4),
  )
  const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  return [value, value.slice(0, 16), bytes.toString('hex'), ...base64, percent]
}

/** Every row of every table as text. */
export async function tablesAsText(house: House): Promise<string> {
  const tables = await house.admin.rows<{ name: string }>`
    select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables where schemaname in ('countersign', 'countersign_queue')`
  const texts: string[] = []
  for (const { name } of tables) {
    const { rows } = await house.admin.query(`select t::text as text from ${name} t`)
    texts.push(...rows.map(({ text }) => text as string))
  }
  return texts.join('\n')
}
