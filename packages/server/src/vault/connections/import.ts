// Credentials that a human brings (V45, V77): keys, passwords, and the cookies of a session in a browser, up to 200 at once, each for itself. Each is checked as the form
// checks it, judged as any new connection is, and stored or refused with why; none is tried at its provider, and no browser's own store is ever read.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { reach } from '../../identity/matrix.ts'
import { fieldsOf, readFields } from '../authorizations/fields.ts'
import type { VaultHouse } from '../house.ts'
import { invalid } from '../problem.ts'
import { type Provider, providerOf } from '../providers/catalogue.ts'
import { cookieFields, readCookieLine } from '../providers/cookies.ts'
import type { Definition, Method } from '../providers/definition.ts'
import { readParams } from '../providers/params.ts'
import { matchHost, normalHost, type Params, parsePattern } from '../providers/pattern.ts'
import { actOnProvider } from './act.ts'
import { findByName } from './sql.ts'
import { checkedName, storeConnection } from './store.ts'

export type ImportItem = {
  provider: string
  method?: Method
  name?: string
  shared?: boolean
  labels?: string[]
  params?: Params
  fields?: Record<string, string>
  /** A line as browsers send it, or by name. */
  cookies?: string | Record<string, string>
  /** Where the cookies are from, and the only hosts that they go to; each must be one of the provider's. */
  hosts?: string[]
  expires_at?: Date
  lifetime_seconds?: number
  replace?: boolean
}

export type Imported = {
  index: number
  provider: string
  status: 'imported' | 'replaced' | 'failed'
  connection_id: string | null
  expires_at: Date | null
  /** Cookies that the provider's definition has no use for. */
  ignored: string[]
  code: string | null
  message: string | null
}

const A_DAY = 86_400
const STORED: readonly Method[] = ['api_key', 'basic', 'aws', 'cookies']

export async function importConnections(house: VaultHouse, scope: Scope, items: readonly ImportItem[]): Promise<Imported[]> {
  if (scope.actor.type !== 'user') throw new Problem('forbidden', { action: 'connection.create' })
  const { beforeCommit: _, ...quiet } = scope
  const results: Imported[] = []
  for (const [index, item] of items.entries()) {
    const failed = {
      index,
      provider: item.provider,
      status: 'failed',
      connection_id: null,
      expires_at: null,
      ignored: [] as string[],
    } as const
    try {
      results.push({ index, ...(await importOne(house, quiet, item)) })
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error
      results.push({ ...failed, code: error.code, message: messageOf(error) })
    }
  }
  return results
}

/** Names the place and the rule; never what stood there. */
function messageOf(error: Problem): string {
  const [first] = (error.members.errors ?? []) as { path: string; message: string }[]
  return first
    ? `${first.path}: ${first.message}`
    : typeof error.members.detail === 'string'
      ? error.members.detail
      : error.message
}

type Plan = {
  provider: Provider
  method: Method
  name: string
  owner: string | null
  material: Record<string, string>
  params: Params
  hosts: string[]
  ignored: string[]
}

async function importOne(house: VaultHouse, scope: Scope, item: ImportItem): Promise<Omit<Imported, 'index'>> {
  const { provider, method, name, owner, material, params, hosts, ignored } = await tx(
    house.db,
    scope,
    (t) => planOf(house, t, scope, item),
    {
      readOnly: true,
    },
  )
  const { kind, name: judged } = provider.definition
  const seen = { provider: provider.name, method, name, shared: owner === null, params, hosts, replace: item.replace ?? false }
  const act = actOnProvider(
    'connection.create',
    scope,
    { name: judged, kind, bundled: provider.bundled },
    { method, body: { act: 'import', ...seen } },
  )
  return house.countersign(scope, act, async (t) => {
    const before = await findByName(t, scope, provider.name, owner, name)
    const row = await storeConnection(house, t, scope, {
      ...{ provider: provider.name, version: provider.version, name, method, params, hosts, material, imported: true },
      belongs: owner === null ? { shared: true } : { owner },
      labels: item.labels ?? [],
      expiresAt: endOf(t.now, method, item),
      replace: item.replace ?? false,
    })
    const status = before ? ('replaced' as const) : ('imported' as const)
    const told = { provider: provider.name, status, connection_id: row.id, expires_at: row.expires_at, ignored }
    return { ...told, code: null, message: null }
  })
}

async function planOf(house: VaultHouse, t: Tx, scope: Scope, item: ImportItem): Promise<Plan> {
  const provider = await providerOf(house, t, scope, item.provider)
  if (!provider) throw new Problem('not_found', { detail: 'There is no provider of this name.' })
  const { definition } = provider
  const able = definition.methods.filter((one) => STORED.includes(one))
  const method = item.method ?? able.find((one) => (one === 'cookies') === (item.cookies !== undefined))
  if (method === undefined || !able.includes(method))
    throw invalid(
      '/method',
      'one_of',
      able.length === 0 ? 'Nothing is stored by hand for this provider.' : `One of ${able.join(', ')}.`,
    )
  const { fields, ignored } = fieldsFrom(definition, item)
  const material = readFields(fieldsOf(definition, method), fields)
  const params = readParams(definition, item.params ?? {}, material)
  const hosts = readHosts(definition, params, item.hosts ?? [])
  return {
    provider,
    method,
    name: checkedName(item.name ?? 'default'),
    owner: ownerOf(scope, item.shared ?? false),
    material,
    params,
    hosts,
    ignored,
  }
}

function fieldsFrom(definition: Definition, { fields = {}, cookies }: ImportItem) {
  if (cookies === undefined) return { fields, ignored: [] }
  const known = cookieFields(definition)
  const given = Object.entries(typeof cookies === 'string' ? readCookieLine(cookies) : cookies)
  const taken = given.flatMap(([name, value]) => (known.has(name) ? [[known.get(name) as string, value] as const] : []))
  return {
    fields: { ...Object.fromEntries(taken), ...fields },
    ignored: given.map(([name]) => name).filter((name) => !known.has(name)),
  }
}

/** A session of another site is never put under this provider's name. */
function readHosts({ hosts }: Definition, params: Params, named: readonly string[]): string[] {
  const read = named.map((name, i) => {
    const host = normalHost(name)
    if (host === null || !hosts.some((one) => matchHost(parsePattern(one.host), host, params)))
      throw invalid(`/hosts/${i}`, 'foreign', 'The provider’s definition does not reach this host.')
    return host
  })
  return [...new Set(read)]
}

function ownerOf(scope: Scope, shared: boolean): string | null {
  if (!shared) return scope.userId
  if (reach(scope, 'connection.create') === 'any') return null
  throw new Problem('forbidden', { detail: 'A connection for the whole tenant is made by who reaches every connection.' })
}

function endOf(now: Date, method: Method, { expires_at, lifetime_seconds }: ImportItem): Date | null {
  const seconds = lifetime_seconds ?? (method === 'cookies' && expires_at === undefined ? A_DAY : undefined)
  const end = expires_at ?? (seconds === undefined ? null : new Date(now.getTime() + seconds * 1_000))
  if (end !== null && end <= now) throw invalid('/expires_at', 'past', 'This is over already.')
  return end
}
