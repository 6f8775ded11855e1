// A provider of a test, in force without anybody having approved it: its URLs are on this machine, where no definition may point (V4).
import type { House } from '#harness'
import { canonical } from '../../../crypto/canonical.ts'
import { sha256 } from '../../../crypto/token.ts'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { type NewClient, storeClient } from '../../clients/client.ts'
import type { Definition } from '../../providers/definition.ts'
import type { Vendor } from './vendor.ts'

/** Settings with which a house reaches it. */
export const reaching = (...vendors: Pick<Vendor, 'port'>[]): { settings: Record<string, string> } => ({
  settings: { EGRESS_ALLOW: vendors.map(({ port }) => `127.0.0.1:${port}`).join(','), EGRESS_LITERALS: '1' },
})

export async function giveProvider(house: House, definition: Definition): Promise<void> {
  const source = JSON.stringify(definition)
  const digest = sha256(canonical(definition as never))
  await house.admin.run`
    insert into providers (name, tenant_id, version, overrides, created_by, created_at)
    values (${definition.name}, ${house.tenantId}::uuid, 1, false, 'system:test', countersign.now())`
  await house.admin.run`
    insert into provider_names (name, tenant_id, provider) values (${definition.name}, ${house.tenantId}::uuid, ${definition.name})`
  await house.admin.run`
    insert into definitions (provider, tenant_id, version, digest, source, definition, state, proposed_by, proposed_at)
    values (${definition.name}, ${house.tenantId}::uuid, 1, ${digest}::bytea, ${source}, ${source}::jsonb, 'active', 'system:test', countersign.now())`
}

export async function giveClient(house: House, provider: string, more: Partial<NewClient> = {}): Promise<void> {
  const scope = systemScope('test', house.tenantId)
  const input: NewClient = { provider, clientId: 'client-1', secrets: {}, auth: 'none', redirectUris: [], ...more }
  await tx(house.db, scope, (t) => storeClient(house.server.identity, t, scope, input))
}

const BASE: Pick<Definition, 'schema' | 'kind' | 'hosts'> = { schema: 1, kind: 'app', hosts: [{ host: 'api.acme.example' }] }
const BEARER = { where: 'header', name: 'authorization', template: 'Bearer {{access_token}}' } as const

export const oauthProvider = (
  { origin }: Pick<Vendor, 'origin'>,
  more: Partial<Definition['oauth']> & { methods?: Definition['methods'] } = {},
): Definition => {
  const { methods = ['code'], ...oauth } = more
  return {
    ...BASE,
    name: 'acme',
    display_name: 'Acme',
    docs_url: 'https://docs.acme.example/',
    methods,
    client: { needed: 'always', auth: 'none' },
    oauth: {
      authorization_url: `${origin}/authorize`,
      token_url: `${origin}/token`,
      device_url: `${origin}/device`,
      pkce: 'required',
      scopes: { default: ['read'], catalogue: { read: 'Read what you can read.' } },
      revocation: { url: `${origin}/revoke`, style: 'rfc7009' },
      ...oauth,
    },
    inject: [BEARER],
  }
}

export const keyProvider = ({ origin }: Pick<Vendor, 'origin'>, more: Partial<Definition> = {}): Definition => ({
  ...BASE,
  name: 'keyed',
  display_name: 'Keyed',
  methods: ['api_key'],
  api_key: {
    fields: [{ name: 'api_key', label: 'API key', secret: true, pattern: '^key-[a-z0-9]+$', hint: 'It begins with key-.' }],
    test: { method: 'GET', url: `${origin}/me`, expect: [200] },
  },
  inject: [{ where: 'header', name: 'x-api-key', template: '{{api_key}}' }],
  ...more,
})
