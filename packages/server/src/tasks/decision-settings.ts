// How a tenant decides (T20, T41, T44, T151): stepping in, floors, and what separation means here. Without a row the values are the shipped ones.
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { type Route, route, s } from '../http/route.ts'
import { tenantWire } from '../std/id.ts'
import type { TasksHouse } from './house.ts'
import { findDecisionRules, putDecisionSettings } from './sql.ts'

export type DecisionSettings = {
  step_in: boolean
  decision_assurance: 'link' | 'channel' | 'session' | 'step_up'
  separate_duties: 'asked' | 'high' | 'all'
  critical_quorum: 1 | 2
  deny_reason: boolean
}

const SHIPPED: DecisionSettings = {
  step_in: true,
  decision_assurance: 'link',
  separate_duties: 'asked',
  critical_quorum: 2,
  deny_reason: false,
}

export const settingsIn = async (t: Tx, scope: Scope): Promise<DecisionSettings> => (await rulesIn(t, scope)).settings

/** All that a tenant says about deciding, in one read: its settings, and the version of the policies that is active. */
export async function rulesIn(t: Tx, scope: Scope): Promise<{ settings: DecisionSettings; policyVersion: number | null }> {
  const { policy_version: policyVersion, step_in, ...rest } = await findDecisionRules(t, scope)
  return { settings: step_in === null ? SHIPPED : ({ step_in, ...rest } as DecisionSettings), policyVersion }
}

const readSettings = (house: TasksHouse, scope: Scope): Promise<DecisionSettings> =>
  tx(house.db, scope, (t) => settingsIn(t, scope), { readOnly: true })

/** Counts from the next decision on, also for tasks that are open. */
const changeSettings = (house: TasksHouse, scope: Scope, change: Partial<DecisionSettings>): Promise<DecisionSettings> =>
  tx(house.db, scope, async (t) => {
    const before = await settingsIn(t, scope)
    const names = (Object.keys(change) as (keyof DecisionSettings)[]).filter(
      (name) => change[name] !== undefined && change[name] !== before[name],
    )
    if (names.length === 0) return before
    const after = { ...before, ...Object.fromEntries(names.map((name) => [name, change[name]])) } as DecisionSettings
    await putDecisionSettings(t, scope, after)
    const resource = { type: 'tenant', id: tenantWire(scope.tenantId) }
    const pick = (from: DecisionSettings) => Object.fromEntries(names.map((name) => [name, from[name]]))
    await record(t, scope, 'settings.changed', { fields: names }, { resource, before: pick(before), after: pick(after) })
    return after
  })

const members = {
  step_in: s.boolean().describe('Operators, admins and owners may decide what they were not asked, with a reason.'),
  decision_assurance: s
    .oneOf('link', 'channel', 'session', 'step_up')
    .describe('The least that any decision needs; the risk of a task may need more.'),
  separate_duties: s
    .oneOf('asked', 'high', 'all')
    .describe(
      'Where nobody on the requester’s side counts: `asked`, for several people, for critical tasks and where a task says so; `high`, from that risk on; `all`, always.',
    ),
  critical_quorum: s.either(s.literal(1), s.literal(2)).describe('How many people a critical task needs at least.'),
  deny_reason: s.boolean().describe('Who denies a proposed action says why.'),
}
const Body = s.named('DecisionSettings', s.object(members))

export const decisionSettingsRoutes = (house: TasksHouse): Route[] => [
  route(
    'GET /decision-settings',
    {
      summary: 'Read how this tenant decides',
      tag: 'tasks',
      auth: 'any',
      action: 'tenant.read',
      answers: { 200: Body },
    },
    ({ scope }) => readSettings(house, scope),
  ),
  route(
    'PATCH /decision-settings',
    {
      summary: 'Change how this tenant decides',
      tag: 'tasks',
      auth: 'any',
      action: 'task.configure',
      stepUp: true,
      body: s.object(Object.fromEntries(Object.entries(members).map(([name, shape]) => [name, s.optional(shape)]))),
      answers: { 200: Body },
    },
    ({ scope, body }) => changeSettings(house, scope, body as Partial<DecisionSettings>),
  ),
]
