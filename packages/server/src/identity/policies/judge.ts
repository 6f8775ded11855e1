// The judge of a tenant: the active version is read in the caller's own transaction, so an activation counts from the next decision in every process (P69).
// Parsed sets are kept by version, which never changes; which version counts is never remembered.

import { systemScope } from '../../db/scope.ts'
import { type Db, OutsideFirst, type Scope, type Tx, tx } from '../../db/tx.ts'
import { contributionsWith, type FactTypes, factsText } from '../../policy/contributions.ts'
import { decide, type Outcome, openSets, type Request, type Sets } from '../../policy/decide.ts'
import { openSchema, type Schema } from '../../policy/schema.ts'
import { checkPolicies } from '../../policy/set.ts'
import { ACTIONS, groupsOfAction } from '../matrix.ts'
import { type Agents, type Asked, requestOf } from './request.ts'
import { type ActiveRow, findActive, findText, insertFirstActivation, insertFirstPolicy } from './sql.ts'
import { startingText } from './starting.ts'

export type Policies = {
  /** Without the facts of any tenant's providers: for judging everything but proxied requests, and for whatever a host says over all tenants. */
  readonly schema: Schema
  /** The facts that this tenant's policies may read (vault.md V17). */
  readonly facts: FactsOf
  readonly guardrails: string
  /** Sets that were parsed, by tenant and version; the oldest goes first. */
  readonly kept: Map<string, Sets | null>
  /** The set that every tenant starts with: parsed once, before anything listens. */
  readonly starting: { text: string; sets: Sets }
}

export type FactsOf = (t: Tx, scope: Scope) => Promise<FactTypes>
const NO_FACTS: FactsOf = async () => ({})

export type PolicyHouse = { db: Db; policies: Policies }

const MOST_KEPT = 256
const FIRST = 1

const schemas = new Map<string, Schema>()
const MOST_SCHEMAS = 64
// As the schema, the same for every server of a process, unless their guardrails differ.
let starting: (Policies['starting'] & { guardrails: string }) | undefined

/** The actions of the matrix, each with who may do it, and what the rooms add. The same for every process of a build, and for every tenant with the same facts. */
export function policySchema(facts: FactTypes = {}): Schema {
  const text = factsText(facts)
  const known = schemas.get(text)
  if (known) return known
  const matrix = Object.fromEntries(ACTIONS.map((action) => [action, groupsOfAction(action)]))
  const schema = openSchema(matrix, contributionsWith(text))
  if (schemas.size >= MOST_SCHEMAS) schemas.delete(schemas.keys().next().value as string)
  schemas.set(text, schema)
  return schema
}

/** What a tenant's texts are held against. */
export const schemaOf = async ({ policies }: Pick<PolicyHouse, 'policies'>, t: Tx, scope: Scope): Promise<Schema> =>
  policySchema(await policies.facts(t, scope))

/** Throws a TypeError with line and column when the guardrails do not pass. */
export function openPolicies(guardrails: string, facts: FactsOf = NO_FACTS): Policies {
  const own = policySchema()
  const [fault] = checkPolicies(guardrails, own, 'host').errors
  if (fault) throw new TypeError(`The guardrails do not pass: line ${fault.line}, column ${fault.column}: ${fault.message}`)
  // Parsed here: a tenant's first decisions would hold their transactions, and whoever waits for them, for as long.
  if (starting?.guardrails !== guardrails) {
    const text = startingText()
    starting = { guardrails, text, sets: openSets({ version: FIRST, text, guardrails, schema: own }) }
  }
  return { schema: own, facts, guardrails, kept: new Map(), starting }
}

/** A decision with the request that it judged. */
export type Judged = { request: Request; outcome: Outcome }

/** Judges acts of one tenant. Reads one row, and a set the first time that it is met. `read`: that row, where the caller has read it in this transaction. */
export async function judgeAll(house: PolicyHouse, t: Tx, asked: readonly Asked[], read?: ActiveRow): Promise<Judged[]> {
  const { scope } = asked[0] as Asked
  const { version, agents } = read ?? (await findActive(t, scope, agentsAmong(asked)))
  const judge = await judgeUnder(house, t, scope, version)
  const known: Agents = new Map(agents.map((agent) => [agent.id, agent]))
  return asked.map((one) => judge(one, known))
}

/** Of whom a judgement reads what they are at this moment. */
export const agentsAmong = (asked: readonly Pick<Asked, 'scope'>[]): string[] => [
  ...new Set(asked.flatMap(({ scope }) => (scope.agentId === null ? [] : [scope.agentId]))),
]

/** For who has read the active version in this transaction already, and judges no agents: opens nothing more once the set is known. */
export async function judgeUnder(
  house: PolicyHouse,
  t: Tx,
  scope: Scope,
  version: number | null,
): Promise<(asked: Asked, agents?: Agents) => Judged> {
  const sets = await setsOf(house, t, scope, version)
  return (asked, agents = NOBODY) => {
    const request = requestOf(asked, agents, t.now)
    return { request, outcome: sets ? decide(request, sets) : unreadable(version) }
  }
}

const NOBODY: Agents = new Map()

export const judgeOne = async (house: PolicyHouse, t: Tx, asked: Asked): Promise<Judged> =>
  (await judgeAll(house, t, [asked]))[0] as Judged

// An active set that this build does not understand decides nothing: `policy.active` says so at the start, and until it is mended everything is denied.
export const unreadable = (version: number | null): Outcome => ({
  outcome: 'deny',
  policy_ids: [],
  policy_version: version ?? 0,
  reason: 'policy_error',
})

/** The parsed set; null where its text does not pass in this build. */
export async function setsOf({ db, policies }: PolicyHouse, t: Tx, scope: Scope, version: number | null): Promise<Sets | null> {
  if (version === null) throw new OutsideFirst(() => giveStartingSet({ db }, scope.tenantId))
  const name = `${scope.tenantId} ${version}`
  const known = policies.kept.get(name)
  if (known !== undefined) return known
  const row = await findText(t, scope, version)
  if (!row) throw new Error(`Version ${version} of the policies is active and not there.`)
  const sets = parse(policies, version, row.text, db)
  if (policies.kept.size >= MOST_KEPT) policies.kept.delete(policies.kept.keys().next().value as string)
  policies.kept.set(name, sets)
  return sets
}

function parse(policies: Policies, version: number, text: string, { log }: Db): Sets | null {
  if (version === FIRST && text === policies.starting.text) return policies.starting.sets
  try {
    return openSets({ version, text, guardrails: policies.guardrails, schema: policies.schema })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    log?.error({ err: error, version }, 'the active policies do not read')
    return null
  }
}

/** Every tenant has a set: who meets one without gives it the shipped one, once. In a transaction of its own, for the caller's may be read-only; and
 *  while no other is open, for callers that each kept a connection and waited for a second one would wait for one another. */
export async function giveStartingSet({ db }: Pick<PolicyHouse, 'db'>, tenantId: string): Promise<void> {
  const scope = systemScope('policies', tenantId)
  await tx(db, scope, (t) => putStartingSet(t, scope))
}

export async function putStartingSet(t: Tx, scope: Scope): Promise<void> {
  if ((await insertFirstPolicy(t, scope, startingText())) === 0) return
  await insertFirstActivation(t, scope)
}
