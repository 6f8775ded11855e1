// Versions of definitions (V5, V6): proposed, approved by somebody else by its exact digest, rejected. Until it is approved the old one serves; where a credential
// could go elsewhere by it, every grant on the provider waits for somebody to confirm it. Never lets a version act that nobody approved.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { groupsOfAction } from '../../identity/matrix.ts'
import type { Passed } from '../../identity/policies/countersign.ts'
import { GROUND_FACTS } from '../../policy/contributions.ts'
import { bundle } from '../bundle/bundle.ts'
import { actOnProvider } from '../connections/act.ts'
import { suspendGrantsOf } from '../grants/end.ts'
import type { VaultHouse } from '../house.ts'
import { bundledProvider, listProviders, type Provider, providerOf } from './catalogue.ts'
import { type Checked, checkDefinition } from './check.ts'
import type { Definition } from './definition.ts'
import { type Change, differenceOf, movesCredentials } from './difference.ts'
import { probeHosts } from './probe.ts'
import { showVersion } from './show.ts'
import {
  countPeople,
  countUsage,
  decideIf,
  findActive,
  findConnectionsOf,
  findNamed,
  findProposed,
  findProvider,
  findVersion,
  forgetNames,
  insertNames,
  insertVersion,
  lockProviders,
  moveConnections,
  putProvider,
  setVersion,
  type VersionRow,
} from './sql.ts'
import { clearHosts } from './surroundings.ts'

export type Proposal = { source: string; override?: boolean; reason: string }
export type ShownVersion = ReturnType<typeof showVersion>

/** What the server would say to it. Stores nothing. */
export async function checkSource(house: VaultHouse, scope: Scope, source: string) {
  const checked = checkDefinition(source, await clearHosts(house, scope))
  const probed = await probeHosts(house, scope, checked.definition)
  const { api_key, client } = checked.definition
  return {
    canonical: checked.canonical,
    digest: checked.digest.toString('hex'),
    warnings: [...checked.warnings, ...probed],
    fields: [...(api_key?.fields ?? []), ...(client?.fields ?? [])],
  }
}

/** `name`: of the provider that is changed; null: of a new one. */
export async function proposeDefinition(
  house: VaultHouse,
  scope: Scope,
  name: string | null,
  { source, override = false, reason }: Proposal,
): Promise<ShownVersion> {
  const checked = checkDefinition(source, await clearHosts(house, scope, name))
  const { definition, digest } = checked
  if (name !== null && definition.name !== name)
    throw invalid('/name', 'name_fixed', `This definition is of ${definition.name}; a provider keeps its name.`)
  const warnings = [...checked.warnings, ...(await probeHosts(house, scope, definition))]
  const about = {
    fields: bound('propose', digest),
    body: { act: 'propose', provider: definition.name, digest: hex(digest), reason },
  }
  const act = actOnProvider('provider.manage', scope, judged(definition), about)
  return house.countersign(scope, act, (t, passed) =>
    propose(house, t, scope, { checked, isNew: name === null, override, reason, source, warnings, passed }),
  )
}

type Proposing = Required<Omit<Proposal, 'override'>> & {
  checked: Checked
  isNew: boolean
  override: boolean
  warnings: Checked['warnings']
  passed: Passed | null
}

async function propose(house: VaultHouse, t: Tx, scope: Scope, one: Proposing): Promise<ShownVersion> {
  const { definition, digest, canonical } = one.checked
  const { name } = definition
  await lockProviders(t, scope)
  const present = await providerOf(house, t, scope, name)
  refuseTaken(present, one)
  await refuseNames(t, scope, definition)
  await refuseFacts(t, scope, definition)
  if (present?.digest.equals(digest))
    throw new Problem('state_conflict', { state: 'active', detail: 'This definition is in force already.' })
  const [same] = (await findProposed(t, scope, name)).filter((row) => row.digest.equals(digest))
  const changes = differenceOf(present?.definition, definition)
  const usage = await usageOf(t, scope, name)
  if (same) return showVersion(same, { changes, usage, warnings: one.warnings })
  await putProvider(t, scope, name, present?.bundled ?? false)
  const { version } = await insertVersion(t, scope, { provider: name, digest, source: one.source, canonical, reason: one.reason })
  await tell(
    t,
    scope,
    'provider.proposed',
    name,
    {
      version,
      digest: hex(digest),
      overrides: present?.bundled ?? false,
      ...told(changes, usage),
    },
    one.passed,
  )
  const row = (await findVersion(t, scope, name, version)) as VersionRow
  return showVersion(row, { changes, usage, warnings: one.warnings })
}

/** A new one needs a name that nobody has; in place of a bundled one it has to be said. */
function refuseTaken(present: Provider | null, { isNew, override }: Proposing): void {
  if (!present) return
  const own = present.version > 0
  if (isNew && own)
    throw new Problem('provider_exists', { provider: present.name, detail: 'It is changed by PUT /providers/{name}.' })
  if (!own && !override)
    throw new Problem('provider_exists', {
      provider: present.name,
      detail: 'A bundled definition has this name; send `override: true` to put yours in its place.',
    })
}

/** Names and aliases are unique, over the tenant's own and the bundled ones. */
async function refuseNames(t: Tx, scope: Scope, { name, aliases = [] }: Definition): Promise<void> {
  const taken = (await findNamed(t, scope, [name, ...aliases])).find(({ provider }) => provider !== name)
  const shipped = aliases.find(
    (one) => (bundle().byName.has(one) ? one : bundle().aliases.get(one)) !== undefined && bundle().aliases.get(one) !== name,
  )
  const clash = taken?.name ?? shipped ?? (bundle().aliases.has(name) ? name : undefined)
  if (clash !== undefined)
    throw new Problem('provider_exists', { provider: taken?.provider ?? clash, detail: `The name ${clash} is taken.` })
}

/** Policies know each fact by one type (V17). */
async function refuseFacts(t: Tx, scope: Scope, definition: Definition): Promise<void> {
  const others = (await listProviders(t, scope)).filter(({ name }) => name !== definition.name)
  for (const [fact, { type, in: place }] of Object.entries(definition.facts ?? {})) {
    const ground = GROUND_FACTS[fact]
    if (ground !== undefined && ground !== type && place !== 'response')
      throw invalid(`/facts/${fact}/type`, 'fact_clash', `For every policy this fact is a ${ground}.`)
    const clash = others.find(
      (one) => Object.hasOwn(one.definition.facts ?? {}, fact) && one.definition.facts?.[fact]?.type !== type,
    )
    if (clash)
      throw invalid(
        `/facts/${fact}/type`,
        'fact_clash',
        `In ${clash.name} this fact is a ${clash.definition.facts?.[fact]?.type}.`,
      )
  }
}

export async function approveDefinition(house: VaultHouse, scope: Scope, name: string, digest: string): Promise<ShownVersion> {
  const act = await actOn(scope, name, 'approve', digest)
  return house.countersign(scope, act, async (t, passed) => {
    await lockProviders(t, scope)
    const row = await proposedOr(t, scope, name, digest)
    await refuseSamePerson(t, scope, row)
    await refuseNames(t, scope, row.definition)
    await refuseFacts(t, scope, row.definition)
    const before = await providerOf(house, t, scope, name)
    const overrides = bundle().byName.has(name)
    if (before && before.version > 0) await decideIf(t, scope, name, before.version, 'active', 'superseded')
    await decideIf(t, scope, name, row.version, 'proposed', 'active')
    await setVersion(t, scope, name, row.version, overrides)
    await forgetNames(t, scope, name)
    await insertNames(t, scope, name, [name, ...(row.definition.aliases ?? [])])
    const changes = differenceOf(before?.definition, row.definition)
    const usage = await usageOf(t, scope, name)
    const suspended = await putInForce(t, scope, name, row.version, changes)
    const data = {
      version: row.version,
      digest,
      proposer: row.proposed_by,
      approver: scope.principal,
      suspended_grants: suspended,
      ...told(changes, usage),
    }
    const change = { before: { version: before?.version ?? null }, after: { version: row.version } }
    await tell(t, scope, 'provider.approved', name, data, passed, change)
    if (overrides && before?.version === 0)
      await tell(t, scope, 'provider.overridden', name, { version: row.version, digest }, passed)
    return showVersion((await findVersion(t, scope, name, row.version)) as VersionRow, { changes, usage, warnings: [] })
  })
}

export async function rejectDefinition(house: VaultHouse, scope: Scope, name: string, digest: string): Promise<ShownVersion> {
  const act = await actOn(scope, name, 'reject', digest)
  return house.countersign(scope, act, async (t, passed) => {
    await lockProviders(t, scope)
    const row = await proposedOr(t, scope, name, digest)
    await decideIf(t, scope, name, row.version, 'proposed', 'rejected')
    await tell(t, scope, 'provider.rejected', name, { version: row.version, digest, proposer: row.proposed_by }, passed)
    const present = await providerOf(house, t, scope, name)
    const after = (await findVersion(t, scope, name, row.version)) as VersionRow
    return showVersion(after, {
      changes: differenceOf(present?.definition, row.definition),
      usage: await usageOf(t, scope, name),
      warnings: [],
    })
  })
}

/** From now on the connections of the provider stand under this version; says how many grants wait to be confirmed. */
export async function putInForce(
  t: Tx,
  scope: Scope,
  name: string,
  version: number,
  changes: readonly Change[],
): Promise<number> {
  await moveConnections(t, scope, name, version)
  if (!movesCredentials(changes)) return 0
  let suspended = 0
  for (const { id } of await findConnectionsOf(t, scope, name))
    suspended += await suspendGrantsOf(t, scope, id, 'definition_changed')
  return suspended
}

async function actOn(scope: Scope, name: string, act: string, digest: string) {
  // Whose approval would be nobody's: a key of the whole tenant has no person behind it.
  if (scope.actor.type !== 'user') throw new Problem('forbidden', { detail: 'A person approves or rejects a definition.' })
  return async (t: Tx) => {
    const row = await proposedOr(t, scope, name, digest)
    const body = { act, provider: name, version: row.version, digest, proposed_by: row.proposed_by }
    return actOnProvider('provider.manage', scope, judged(row.definition), { fields: [`act:${act}`, `sha256:${digest}`], body })
  }
}

/** 404: nobody proposed this; else what became of it. */
async function proposedOr(t: Tx, scope: Scope, name: string, digest: string): Promise<VersionRow> {
  const rows = await findProposed(t, scope, name)
  const row = rows.find((one) => hex(one.digest) === digest)
  if (row) return row
  const active = (await findActive(t, scope, [name])).find((one) => hex(one.digest) === digest)
  if (active) throw new Problem('state_conflict', { state: active.state, detail: 'This version is in force already.' })
  if (!(await findProvider(t, scope, name))) throw new Problem('not_found')
  throw new Problem('state_conflict', { state: 'not_proposed', detail: 'No version with this digest is proposed.' })
}

const MANAGERS = groupsOfAction('provider.manage').flatMap((group) =>
  group.startsWith('role.') ? [group.slice('role.'.length)] : [],
)

/** Where nobody else could, the same person may. */
async function refuseSamePerson(t: Tx, scope: Scope, row: VersionRow): Promise<void> {
  if (row.proposed_by !== scope.principal) return
  if ((await countPeople(t, scope, MANAGERS)).people > 1) throw new Problem('same_person', { proposer: row.proposed_by })
}

export const usageOf = async (t: Tx, scope: Scope, name: string) => {
  const [found] = await countUsage(t, scope, name)
  return { connections: found?.connections ?? 0, grants: found?.grants ?? 0 }
}

const told = (changes: readonly Change[], usage: { connections: number; grants: number }): EventData => ({
  changed: changes.slice(0, 100).map(({ path }) => path),
  moves_credentials: movesCredentials(changes),
  affected_connections: usage.connections,
  affected_grants: usage.grants,
})

export const tell = (
  t: Tx,
  scope: Scope,
  type: Extract<EventType, `provider.${string}`>,
  name: string,
  data: EventData,
  passed: Passed | null,
  more: { before?: EventData; after?: EventData } = {},
): Promise<string> =>
  record(
    t,
    scope,
    type,
    { provider: name, ...data },
    { resource: { type: 'provider', id: name }, ...more, ...(passed ? { decision: passed } : {}) },
  )

export const judged = ({ name, kind }: Definition) => ({ name, kind, bundled: bundledProvider(name) !== null })
/** What an agreement is about, beside the provider: the act, and the digest of what it is done with. */
const bound = (act: string, digest: Buffer) => [`act:${act}`, `sha256:${hex(digest)}`]
const hex = (bytes: Buffer): string => bytes.toString('hex')

const invalid = (path: string, code: string, message: string) =>
  new Problem('definition_invalid', { detail: `${path}: ${message}`, errors: [{ path, code, message }] })
