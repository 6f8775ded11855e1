// The judge (P64–P66): a request and the active sets in, `allow`, `ask` or `deny` out, with the policies that decided. Pure: opens nothing, reads no row, knows
// no clock; the time of a decision comes with the request. What cannot be evaluated whole is denied.
import type { OnTimeout } from './annotation.ts'
import { type Entity, evaluate } from './engine.ts'
import { openOutcomes } from './outcomes.ts'
import { readsContent } from './reads.ts'
import { contextOf, type Request } from './request.ts'
import type { Schema } from './schema.ts'
import { type Policy, readPolicies } from './set.ts'

export type { CedarValue, Entity, Uid } from './engine.ts'
export type { Request } from './request.ts'

export type Reason = 'permitted' | 'asked' | 'forbidden' | 'no_permit' | 'policy_error'
export type Asking = { quorum: number; expires_seconds: number; on_timeout: OnTimeout; texts: string[] }
export type Outcome = {
  outcome: 'allow' | 'ask' | 'deny'
  policy_ids: string[]
  policy_version: number
  reason: Reason
  ask?: Asking
  /** What could not be evaluated, for whoever mends it. */
  faults?: string[]
}

/** The sets that judge a tenant, parsed once and kept by whoever knows the version. */
export type Sets = {
  readonly version: number
  readonly schema: Schema
  readonly policies: ReadonlyMap<string, Policy>
  /** Those that hold at a time: a permit past its `@until` is left out. */
  live(at: Date): LiveSet
}
export type LiveSet = {
  readonly from: number
  readonly to: number
  /** Told apart from every other set of this process. */
  readonly number: number
  policies(): Record<string, string>
  readonly all: readonly Policy[]
}

let numbers = 0

/** Of texts that passed the rules: when they were saved, and by `policy.active` at the start. Throws a TypeError when one does not even read. */
export function openSets(given: { version: number; text: string; guardrails: string; schema: Schema }): Sets {
  const host = readPolicies(given.guardrails, 'host')
  const tenant = readPolicies(given.text)
  const [fault] = [...host.errors, ...tenant.errors]
  if (fault)
    throw new TypeError(`Version ${given.version} does not read: line ${fault.line}, column ${fault.column}: ${fault.message}`)
  const all = [...host.policies, ...tenant.policies]
  const ends = all.flatMap(({ notes }) => (notes.until ? [notes.until.getTime()] : [])).sort((a, b) => a - b)
  const lives = new Map<number, LiveSet>()
  return {
    version: given.version,
    schema: given.schema,
    policies: new Map(all.map((policy) => [policy.id, policy])),
    live(at) {
      // The edge before this time names the set: between two edges nothing ends.
      const passed = ends.filter((end) => end <= at.getTime()).length
      const known = lives.get(passed)
      if (known) return known
      const from = ends[passed - 1] ?? Number.NEGATIVE_INFINITY
      const alive = all.filter(({ notes }) => notes.until === null || notes.until.getTime() > from)
      const made: LiveSet = {
        from,
        to: ends[passed] ?? Number.POSITIVE_INFINITY,
        number: ++numbers,
        all: alive,
        policies: () => Object.fromEntries(alive.map(({ id, text }) => [id, text])),
      }
      lives.set(passed, made)
      return made
    },
  }
}

/** For judging that must not push out what the running decisions keep. */
export const openMemory = () => openOutcomes<Outcome>()
export type Memory = ReturnType<typeof openMemory>
const outcomes = openMemory()

/** An outcome that was given before for the same values of what the policies read is given again; `again` is told so. */
export function decide(request: Request, sets: Sets, memory: Memory = outcomes, again?: () => void): Outcome {
  const live = sets.live(request.at)
  if (request.partial) return judge(request, sets, live)
  const key = memory.keyOf(request, live, sets.schema)
  const known = memory.get(key)
  if (known) {
    again?.()
    return known
  }
  const outcome = judge(request, sets, live)
  if (outcome.reason !== 'policy_error') memory.keep(key, outcome)
  return outcome
}

/** The same without memory: for explanations, dry runs and the figure of a cold call. */
export const judge = (request: Request, sets: Sets, live: LiveSet = sets.live(request.at)): Outcome => {
  const found = evaluate(sets.schema, live, {
    principal: request.principal,
    action: { type: 'Action', id: request.action },
    resource: request.resource,
    context: contextOf(request),
    entities: request.entities as Entity[],
  })
  const { version: policy_version } = sets
  if (found.failed.length > 0) {
    const ids = found.failed.flatMap(({ policyId }) => (policyId === null ? [] : [policyId])).sort()
    const faults = found.failed.map(({ policyId, message }) => (policyId === null ? message : `${policyId}: ${message}`))
    return { outcome: 'deny', policy_ids: ids, policy_version, reason: 'policy_error', faults }
  }
  const policy_ids = found.determining
  if (!found.allowed)
    return { outcome: 'deny', policy_ids, policy_version, reason: policy_ids.length > 0 ? 'forbidden' : 'no_permit' }
  const asks = policy_ids.map((id) => sets.policies.get(id)?.notes.ask ?? null)
  if (asks.some((ask) => ask === null)) return { outcome: 'allow', policy_ids, policy_version, reason: 'permitted' }
  const all = asks.filter((ask) => ask !== null)
  const ask: Asking = {
    quorum: Math.max(...all.map(({ quorum }) => quorum)),
    expires_seconds: Math.min(...all.map(({ expiresSeconds }) => expiresSeconds)),
    on_timeout: all.some(({ onTimeout }) => onTimeout === 'deny') ? 'deny' : 'escalate',
    texts: all.map(({ text }) => text),
  }
  return { outcome: 'ask', policy_ids, policy_version, reason: 'asked', ask }
}

/** Whether the text of whoever asks must be kept with a decision, to judge it again. */
export const readsText = (sets: Sets): boolean => [...sets.policies.values()].some(({ reads }) => readsContent(reads))
