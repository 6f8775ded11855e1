// Outcomes that were given, under exactly the attribute values that the policies read (V20). A key names its set by a number that no other set of this
// process has, so no change of policies can meet an old outcome; roles, grants and settings are in the values themselves.
import { actionsOf } from './cover.ts'
import type { CedarValue, Entity, Uid } from './engine.ts'
import type { Read } from './reads.ts'
import { contextOf, type Request } from './request.ts'
import type { Schema } from './schema.ts'
import type { Policy } from './set.ts'

const MOST = 10_000

type Live = { readonly number: number; readonly all: readonly Policy[] }

/** What the policies that can apply here read; null: everything. */
type Plan = readonly Read[] | null

export function openOutcomes<Outcome>(most = MOST) {
  const kept = new Map<string, Outcome>()
  const plans = new WeakMap<Live, Map<string, Plan>>()
  return {
    keyOf(request: Request, live: Live, schema: Schema): string {
      const known = plans.get(live) ?? new Map<string, Plan>()
      plans.set(live, known)
      const where = `${live.number} ${request.action} ${request.principal.type} ${request.resource.type}`
      let plan = known.get(where)
      if (plan === undefined) {
        plan = planOf(live.all, request, schema)
        known.set(where, plan)
      }
      return plan === null ? `${where} ${JSON.stringify([request, contextOf(request)])}` : where + valuesOf(plan, request)
    },
    get: (key: string): Outcome | undefined => kept.get(key),
    keep(key: string, outcome: Outcome): void {
      // The oldest goes: a Map keeps the order of insertion.
      if (kept.size >= most) kept.delete(kept.keys().next().value as string)
      kept.set(key, outcome)
    },
    size: () => kept.size,
  }
}

function planOf(policies: readonly Policy[], request: Request, schema: Schema): Plan {
  const reads = new Map<string, Read>()
  for (const policy of policies) {
    // What a scope excludes by action or type is never evaluated further.
    if (!actionsOf(policy.json, schema).includes(request.action)) continue
    if (excludes(policy.json.principal, request.principal) || excludes(policy.json.resource, request.resource)) continue
    if (policy.reads.everything) return null
    for (const [name, read] of policy.reads.all) reads.set(name, read)
  }
  return [...reads.values()]
}

function excludes(head: Policy['json']['principal'], { type }: Uid): boolean {
  if (head.op === 'is') return head.entity_type !== type
  if (head.op !== '==' || !('entity' in head)) return false
  const { entity } = head
  return ('__entity' in entity ? entity.__entity.type : entity.type) !== type
}

function valuesOf(plan: readonly Read[], request: Request): string {
  const context = plan.some(
    ({ variable, path }) => variable === 'context' && (path.length === 0 || path[0] === 'now' || path[0] === 'ip'),
  )
    ? contextOf(request)
    : request.context
  let text = ''
  for (const read of plan) text += `\n${JSON.stringify(valueRead(read, request, context)) ?? ''}`
  return text
}

type Values = Readonly<Record<string, CedarValue | undefined>>

function valueRead({ variable, path, lineage, presence }: Read, request: Request, context: Values): unknown {
  let value: unknown = variable === 'context' ? context : variable === 'action' ? request.action : { __entity: request[variable] }
  for (const name of path) {
    const uid = uidOf(value)
    const holder: unknown = uid ? entityOf(request, uid)?.attrs : value
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, name)) return undefined
    value = (holder as Record<string, unknown>)[name]
  }
  if (presence) return value !== undefined
  const uid = lineage ? uidOf(value) : null
  return uid ? [value, ancestorsOf(request, uid)] : value
}

const uidOf = (value: unknown): Uid | null =>
  typeof value === 'object' && value !== null && '__entity' in value ? (value.__entity as Uid) : null

const entityOf = ({ entities }: Request, { type, id }: Uid): Entity | undefined =>
  entities.find((one) => one.uid.id === id && one.uid.type === type)

function ancestorsOf(request: Request, uid: Uid, seen = new Set<string>()): string[] {
  for (const parent of entityOf(request, uid)?.parents ?? []) {
    const name = `${parent.type} ${parent.id}`
    if (seen.has(name)) continue
    seen.add(name)
    ancestorsOf(request, parent, seen)
  }
  return [...seen].sort()
}
