// What would become of a request (V140): the same judgement that the proxy makes, over what holds at this moment or over policies that are not in force yet.
// Nothing is sent, opened, asked or counted.
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { ownOnly } from '../../identity/agent.ts'
import { schemaOf } from '../../identity/policies/judge.ts'
import { pass } from '../../identity/policies/policy.ts'
import { findAgent } from '../../identity/sql.ts'
import { openSets, type Sets } from '../../policy/decide.ts'
import { checkPolicies } from '../../policy/set.ts'
import type { View } from '../decide/view.ts'
import type { GateHouse } from '../gate/house.ts'
import { activeSets, viewOfAgent } from './agent.ts'
import { askedOf, type Typed } from './asked.ts'
import { findPastRequests, type PastRequest } from './sql.ts'
import { type Explained, explainSteps } from './steps.ts'

export type ExplainInput = Typed & { agent_id?: string; mode?: 'enforce' | 'learn'; labels?: string[] }

export async function explainRequest(house: GateHouse, scope: Scope, input: ExplainInput): Promise<Explained> {
  const request = askedOf(input, '')
  const agentId = input.agent_id ?? scope.agentId
  if (!agentId) throw new Problem('validation_failed', { errors: [named('', 'required', 'Name the agent that would ask.')] })
  const given = await tx(
    house.vault.db,
    scope,
    async (t) => {
      if (!(await findAgent(t, scope, agentId, ownOnly(scope, 'grant.read'))))
        throw new Problem('validation_failed', { errors: [named('', 'not_found', 'There is no such agent.')] })
      return { view: await viewOfAgent(house, t, scope, agentId, input), sets: await activeSets(house, t, scope), at: t.now }
    },
    { readOnly: true },
  )
  if (given.view === null) throw new Problem('state_conflict', { detail: 'The agent does not act now, so it asks for nothing.' })
  return explainSteps({ ...given, view: given.view, inspectBody: house.inspectBody }, request)
}

const named = (at: string, code: string, message: string) => ({ path: `${at}/agent_id`, code, message })

export type SimulateInput = { policies?: string; requests?: (Typed & { agent_id: string })[]; since?: Date }
export type Simulated = {
  agent_id: string
  method: string
  url: string
  /** Of a recorded request: what it was answered then. */
  recorded: { event_id: string; at: Date; outcome: string; reason: string | null } | null
  before: Explained
  /** Under the policies that were sent; null when none were. */
  after: Explained | null
  changed: boolean
}

/** The most requests of one simulation. */
export const MOST_SIMULATED = 500

export async function simulate(house: GateHouse, scope: Scope, input: SimulateInput) {
  if ((input.requests === undefined) === (input.since === undefined))
    throw new Problem('validation_failed', {
      errors: [
        { path: '/requests', code: 'required', message: 'Send requests, or the time since which recorded ones are judged.' },
      ],
    })
  const after = input.policies === undefined ? null : await draft(house, scope, input.policies)
  const { views, sets, past, at } = await tx(
    house.vault.db,
    scope,
    async (t) => {
      const past = input.since === undefined ? [] : await findPastRequests(t, scope, input.since, MOST_SIMULATED)
      const views = new Map<string, View | null>()
      for (const id of new Set([...(input.requests ?? []), ...past].map(({ agent_id }) => agent_id)))
        views.set(id, await viewOfAgent(house, t, scope, id))
      return { views, past, sets: await activeSets(house, t, scope), at: t.now }
    },
    { readOnly: true },
  )
  const asked = [
    ...(input.requests ?? []).map((typed, i) => ({ typed, at: `/requests/${i}`, recorded: null })),
    ...past.map((one) => ({ typed: typedOf(one), at: '', recorded: recordedOf(one) })),
  ]
  const { inspectBody } = house
  const data: Simulated[] = []
  let skipped = 0
  for (const { typed, at: path, recorded } of asked) {
    const view = views.get(typed.agent_id)
    if (!view && recorded) {
      skipped++
      continue
    }
    if (!view)
      throw new Problem('validation_failed', { errors: [named(path, 'not_found', 'There is no such agent that acts now.')] })
    const request = askedOf(typed, path)
    const before = await explainSteps({ view, sets, at, inspectBody }, request)
    const then = after && (await explainSteps({ view, sets: after, at, inspectBody }, request))
    const { agent_id, method, url } = typed
    data.push({ agent_id, method, url, recorded, before, after: then, changed: then !== null && then.outcome !== before.outcome })
  }
  return { judged: data.length, changed: data.filter(({ changed }) => changed).length, skipped, data }
}

async function draft(house: GateHouse, scope: Scope, text: string): Promise<Sets> {
  const schema = await tx(house.vault.db, scope, (t) => schemaOf(house.vault, t, scope), { readOnly: true })
  const { guardrails } = house.vault.policies
  pass(checkPolicies(text, schema))
  return openSets({ version: 0, text, guardrails, schema })
}

const typedOf = ({ agent_id, method, scheme, host, port, path }: PastRequest) => ({
  agent_id,
  method,
  url: `${scheme}://${host}${port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`}${path}`,
})

const recordedOf = ({ id, occurred_at, decision, reason }: PastRequest): Simulated['recorded'] => ({
  event_id: id,
  at: occurred_at,
  outcome: decision,
  reason,
})
