// A judgement step by step, for people: what was passed, where it ended, and what would come behind it (V91). Opens no material, sends nothing, counts nothing.
import type { Outcome, Sets } from '../../policy/decide.ts'
import { appliesTo } from '../../vault/providers/fill.ts'
import { type Judged, judgeRequest, type Step } from '../decide/judge.ts'
import type { View } from '../decide/view.ts'
import type { AskedRequest } from '../gatekeeper.ts'

export type StepResult = 'passed' | 'refused' | 'asks' | 'not_reached' | 'not_tried'
export type ExplainedStep = { step: string; result: StepResult; detail: Record<string, unknown> }
export type Explained = {
  outcome: Judged['outcome']
  reason: string | null
  connection_id: string | null
  grant_id: string | null
  choices: string[]
  policy: { version: number; ids: string[]; reason: string | null; ask: Outcome['ask'] | null }
  steps: ExplainedStep[]
}

const BEFORE = ['token', 'rate'] as const
const JUDGED: readonly Step[] = ['syntax', 'connection', 'grant', 'facts', 'rule', 'policy']
const AFTER = ['hold', 'budget', 'record', 'material', 'injection', 'address'] as const

export async function explainSteps(
  given: { view: View; sets: Sets; at: Date; inspectBody: number },
  request: AskedRequest,
): Promise<Explained> {
  const passed = new Map<Step, Record<string, unknown>>()
  const note = (step: Step, detail: Readonly<Record<string, unknown>>) => void passed.set(step, { ...detail })
  const judged = await judgeRequest({ ...given, limits: { inspectBody: given.inspectBody }, note }, request)
  const use = 'use' in judged ? judged.use : null
  const connection = use?.connection ?? ('connection' in judged ? judged.connection : undefined)
  const grant = use?.grant ?? ('grant' in judged ? judged.grant : undefined)
  const policy = judged.policy
  return {
    outcome: judged.outcome,
    reason: judged.outcome === 'deny' ? judged.reason : null,
    connection_id: connection?.id ?? null,
    grant_id: grant?.id ?? null,
    choices: judged.outcome === 'deny' ? (judged.choices ?? []) : [],
    policy: {
      version: given.sets.version,
      ids: policy?.policy_ids ?? [],
      reason: policy && 'reason' in policy ? (policy as Outcome).reason : null,
      ask: policy && 'ask' in policy ? ((policy as Outcome).ask ?? null) : null,
    },
    steps: [
      ...BEFORE.map((step): ExplainedStep => ({ step, result: 'not_tried', detail: {} })),
      ...judgedSteps(judged, passed),
      ...AFTER.map((step) => laterStep(step, judged, request)),
    ],
  }
}

function judgedSteps(judged: Judged, passed: ReadonlyMap<Step, Record<string, unknown>>): ExplainedStep[] {
  // A host that nobody's connection names is judged by policy alone.
  const isPass = judged.policy !== null && !passed.has('connection')
  const refusedAt = judged.outcome !== 'deny' ? null : judged.policy ? 'policy' : JUDGED.find((step) => !passed.has(step))
  return JUDGED.map((step): ExplainedStep => {
    if (step === refusedAt) return { step, result: 'refused', detail: judged.outcome === 'deny' ? { reason: judged.reason } : {} }
    const detail = passed.get(step)
    if (step === 'policy' && judged.outcome === 'ask') return { step, result: 'asks', detail: detail ?? {} }
    if (detail) return { step, result: 'passed', detail }
    if (isPass && step === 'policy') return { step, result: 'passed', detail: { policy_ids: judged.policy?.policy_ids ?? [] } }
    return { step, result: isPass || judged.outcome === 'learn' ? 'not_tried' : 'not_reached', detail: {} }
  })
}

function laterStep(step: (typeof AFTER)[number], judged: Judged, request: AskedRequest): ExplainedStep {
  if (judged.outcome === 'deny') return { step, result: 'not_reached', detail: {} }
  if (!('use' in judged)) return { step, result: 'not_tried', detail: {} }
  const { connection, grant } = judged.use
  if (step === 'hold')
    return judged.outcome === 'ask'
      ? { step, result: 'asks', detail: { ...judged.policy.ask } }
      : { step, result: 'passed', detail: {} }
  if (step === 'budget') {
    const left = grant.maxUses === null ? {} : { uses_left: Math.max(0, grant.maxUses - grant.uses) }
    return { step, result: 'passed', detail: left }
  }
  if (step === 'injection') {
    const places = connection.definition.inject
      .filter((rule) => appliesTo(rule, request, connection.params))
      .map(({ where, name }) => ({ where, ...(name === undefined ? {} : { name }) }))
    return { step, result: places.length > 0 ? 'passed' : 'not_tried', detail: { places } }
  }
  return { step, result: 'not_tried', detail: {} }
}
