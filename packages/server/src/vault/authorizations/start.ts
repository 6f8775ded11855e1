// An authorization begins (V29): who may, for whom, by which method, and what comes next. Policy is asked of it as `connection.create`; what can be refused is
// refused before anybody is sent anywhere. The link's token is made here, stored as a hash, and told once.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { randomToken, sha256 } from '../../crypto/token.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { reach } from '../../identity/matrix.ts'
import { newId } from '../../std/id.ts'
import { clientOf } from '../clients/client.ts'
import { actOnProvider } from '../connections/act.ts'
import { checkedName } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import { type Provider, providerOf } from '../providers/catalogue.ts'
import { type Definition, METHODS, type Method } from '../providers/definition.ts'
import { fillUrl, readParams } from '../providers/params.ts'
import type { Params } from '../providers/pattern.ts'
import { beginDevice } from './device.ts'
import { fieldsOf, readFields } from './fields.ts'
import { problemOf } from './flow.ts'
import { discoverResource } from './protocol/discovery.ts'
import { ProviderFault } from './protocol/fault.ts'
import { serverOf } from './protocol/server.ts'
import { connectService } from './service.ts'
import { type ShownAuthorization, showAuthorization } from './show.ts'
import { findAuthorization, findExisting, insertAuthorization, type NewAuthorization } from './sql.ts'
import { storeFields } from './store-fields.ts'

export type StartInput = {
  provider: string
  method?: Method | undefined
  name?: string | undefined
  shared?: boolean | undefined
  scopes?: string[] | undefined
  params?: Params | undefined
  replace?: boolean | undefined
  fields?: Record<string, string> | undefined
  store_anyway?: boolean | undefined
}

const LIFE_MS = 600_000
/** What a page or a job of ours can do; others are stored by who holds their keys (V42–V45). */
const BY_FLOW: readonly Method[] = ['code', 'device', 'register', 'client_credentials', 'api_key', 'basic', 'aws']

/** `askedBy`: the agent that proposed it (V15), where a person begins. */
export async function startAuthorization(
  house: VaultHouse,
  scope: Scope,
  input: StartInput,
  { askedBy = scope.agentId }: { askedBy?: string | null } = {},
): Promise<ShownAuthorization & { connect_url?: string }> {
  if (input.fields !== undefined && scope.scopes !== null && scope.agentId !== null)
    throw new Problem('forbidden', { detail: 'An agent hands in no credential: it sends its human to `connect_url`.' })
  const plan = await planOf(house, scope, input)
  const token = randomToken()
  const resource = plan.method === 'register' ? await readResource(house, scope, plan) : null
  const begun = await begin(house, scope, { ...plan, askedBy }, token, resource, isAtOnce(plan, input))
  if (!isAtOnce(plan, input)) return begun
  const { authorization_id: id, connect_url } = begun
  await goOn(house, scope, plan, id, input)
  // The reply is stored in this transaction; what it tells is done.
  return tx(house.db, scope, async (t) => {
    const now = showAuthorization(await found(t, scope, id))
    return now.next_action === 'none' ? now : { ...now, connect_url }
  })
}

type Plan = {
  provider: Provider
  method: Method
  name: string
  owner: string | null
  scopes: string[]
  params: Params
  replaces: boolean
  clientId: string | null
}

/** Whether the network is called before the first answer. */
const isAtOnce = ({ method }: Plan, { fields }: StartInput): boolean =>
  method === 'device' || method === 'client_credentials' || fields !== undefined

async function planOf(house: VaultHouse, scope: Scope, input: StartInput): Promise<Plan> {
  const name = checkedName(input.name ?? 'default')
  const owner = ownerOf(scope, input.shared ?? false)
  return tx(
    house.db,
    scope,
    async (t) => {
      const provider = await providerOf(house, t, scope, input.provider)
      if (!provider) throw new Problem('not_found', { detail: 'There is no provider of this name.' })
      const { definition } = provider
      const method = methodOf(definition.methods, input.method, input.fields !== undefined)
      const fields = input.fields === undefined ? null : readFields(fieldsOf(definition, method), input.fields)
      const params = readParams(fields === null ? withoutDerived(definition) : definition, input.params ?? {}, fields ?? {})
      const clientId = await clientFor(house, t, scope, provider, method)
      const existing = await findExisting(t, scope, provider.name, owner, name)
      if (existing && !input.replace) throw exists(existing.id)
      const scopes = input.scopes ?? scopesFor(definition, existing)
      return { provider, method, name, owner, scopes: [...scopes], params, replaces: input.replace ?? false, clientId }
    },
    { readOnly: true },
  )
}

/** What is read from a key is read when the key is there (V41). */
export const withoutDerived = (definition: Definition): Definition => ({
  ...definition,
  params: Object.fromEntries(Object.entries(definition.params ?? {}).filter(([, { derive }]) => !derive)),
})

function ownerOf(scope: Scope, shared: boolean): string | null {
  if (shared) {
    if (reach(scope, 'connection.create') === 'any') return null
    throw new Problem('forbidden', { detail: 'A connection for the whole tenant is made by who reaches every connection.' })
  }
  if (scope.userId === null)
    throw new Problem('validation_failed', {
      errors: [{ path: '/shared', code: 'required', message: 'This key has no person behind it: send `shared: true`.' }],
    })
  return scope.userId
}

export function methodOf(methods: readonly Method[], wanted: Method | undefined, headless: boolean): Method {
  const able = methods.filter((method) => BY_FLOW.includes(method))
  const method = wanted ?? able.find((one) => !headless || one === 'api_key' || one === 'basic' || one === 'aws')
  if (method !== undefined && able.includes(method)) return method
  const message = able.length === 0 ? 'Connections to this provider are not made by a flow.' : `One of ${able.join(', ')}.`
  throw new Problem('validation_failed', {
    errors: [{ path: '/method', code: METHODS.includes(wanted as Method) ? 'one_of' : 'required', message }],
  })
}

async function clientFor(house: VaultHouse, t: Tx, scope: Scope, provider: Provider, method: Method): Promise<string | null> {
  if (method !== 'code' && method !== 'device' && method !== 'client_credentials') return null
  const client = await clientOf(house, t, scope, provider.name)
  if (!client) throw new Problem('client_needed', { provider: provider.name })
  return client.id
}

const exists = (id: string): Problem =>
  new Problem('connection_exists', {
    connection_id: id,
    detail: 'Another name, or `replace: true` to put this in its place.',
  })

/** Signing in again asks for what there was, and for what the provider wanted besides (V38). */
function scopesFor({ oauth }: Definition, existing: { scopes: string[]; asked_scopes: string[] } | null): string[] {
  const before = existing && existing.scopes.length > 0 ? existing.scopes : (oauth?.scopes?.default ?? [])
  return [...new Set([...before, ...(existing?.asked_scopes ?? [])])]
}

/** Which servers may give tokens for the resource (V38); a human chooses where there are several. */
async function readResource(house: VaultHouse, scope: Scope, { provider, params }: Plan) {
  const { resource } = serverOf(provider.definition.oauth ?? {}, (url) => fillUrl(url, params))
  if (resource === null)
    throw new Problem('definition_invalid', {
      errors: [{ path: '/oauth/resource', code: 'required', message: 'Registering needs the URL of the resource.' }],
    })
  try {
    return await discoverResource({ door: house.door, tenantId: scope.tenantId }, resource)
  } catch (error) {
    throw error instanceof ProviderFault ? problemOf(error) : error
  }
}

type Resource = { issuers: string[]; scopes: string[] }

type Asked = Plan & { askedBy: string | null }

async function begin(house: VaultHouse, scope: Scope, plan: Asked, token: string, resource: Resource | null, quiet: boolean) {
  const { provider, method, name, owner, params } = plan
  const scopes = plan.scopes.length > 0 || !resource ? plan.scopes : resource.scopes
  const { kind, name: judged } = provider.definition
  const act = actOnProvider(
    'connection.create',
    scope,
    { name: judged, kind, bundled: provider.bundled },
    {
      method,
      scopes,
      body: { provider: provider.name, method, name, shared: owner === null, scopes, params },
    },
  )
  const by = quiet ? withoutReply(scope) : scope
  return house.countersign(by, act, async (t) => {
    const id = newId('atz', t.now.getTime())
    const row: NewAuthorization = {
      id,
      provider: provider.name,
      definition_version: provider.version,
      method,
      connection_name: name,
      owner,
      replaces: plan.replaces,
      scopes,
      params,
      client_id: plan.clientId,
      server: resource && { issuers: resource.issuers },
      token_hash: sha256(token),
      agent_id: plan.askedBy,
      expires_at: new Date(t.now.getTime() + LIFE_MS),
    }
    await insertAuthorization(t, scope, row)
    const data = {
      authorization_id: id,
      provider: provider.name,
      method,
      connection_name: name,
      owner_id: owner,
      replaces: plan.replaces,
    }
    await record(t, scope, 'authorization.started', data, { resource: { type: 'authorization', id } })
    await enqueue(t, {
      kind: 'authorization.expire',
      tenantId: scope.tenantId,
      payload: { authorization_id: id },
      runAt: row.expires_at,
    })
    return { ...showAuthorization(await found(t, scope, id)), connect_url: `${house.origin()}/connect/${id}#${token}` }
  })
}

/** For the transactions before the last: the reply belongs to that one. */
const withoutReply = ({ beforeCommit: _, ...scope }: Scope): Scope => scope

async function goOn(house: VaultHouse, scope: Scope, plan: Plan, id: string, input: StartInput): Promise<void> {
  const by = withoutReply(scope)
  if (plan.method === 'device') return beginDevice(house, by, id)
  if (plan.method === 'client_credentials') return connectService(house, by, id)
  await storeFields(house, by, id, { fields: input.fields ?? {}, anyway: input.store_anyway ?? false, last: true })
}

async function found(t: Tx, scope: Scope, id: string) {
  const row = await findAuthorization(t, scope, id)
  if (!row) throw new Error(`Authorization ${id} is not there.`)
  return row
}
