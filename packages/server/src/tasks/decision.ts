// A person's decision on a task: judged by the task's own schema before any transaction, then one conditional update (T12, T13, T15, T19–T21, T75).
// Who decided comes from the authenticated request alone; no agent gets here.
import { Problem } from '@countersign/sdk'
import { canonical } from '../crypto/canonical.ts'
import { hmacSha256, sha256 } from '../crypto/token.ts'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { writeJson } from '../http/json.ts'
import { newId, tenantWire } from '../std/id.ts'
import { type Content, openContents, sealIf, taskKey } from './content.ts'
import { RESPONSE_BYTES } from './creation.ts'
import type { TasksHouse } from './house.ts'
import { seeTask, showWhole } from './look.ts'
import { isEligible, mayStepIn, type Person } from './person.ts'
import { invalid, notOpen, tellOfEnd, whyNotOpen } from './settle.ts'
import { decideIfOpen, EVERY, findTask, insertDecision, OPEN, type TaskRow } from './sql.ts'
import type { Task } from './wire.ts'

export type DecideInput = {
  type: 'respond'
  response: Record<string, unknown>
  reason?: string | null
  comment?: string | null
  /** Null: whatever revision is there now; the compatible clients know no other (§3.4). */
  seen_revision: number | null
}
/** Of the request, for the record. */
export type Provenance = { address: string | null }

const STEP_UP_MS = 10 * 60_000

export async function decideTask(
  house: TasksHouse,
  scope: Scope,
  id: string,
  input: DecideInput,
  from: Provenance,
): Promise<Task> {
  const look = await tx(
    house.db,
    scope,
    async (t) => {
      const seen = await seeTask(t, scope, id, 'task.decide')
      const steppedIn = refuseUnlessAllowed(t, scope, seen.row, seen.person, input)
      return { ...seen, steppedIn, content: (await openContents(house, t, scope, [id])).task(seen.row) }
    },
    { readOnly: true },
  )
  const response = await judged(house, look.row, input.response)
  const person = look.person as Person
  return tx(house.db, scope, async (t) => {
    const key = await taskKey(house, t, scope, id)
    const decided = await decideIfOpen(
      t,
      scope,
      id,
      {
        status: 'completed',
        outcome: 'answered',
        response: sealIf(key, scope, 'tasks', 'response', id, response),
        cancelReason: null,
        by: { user_id: person.id, email: person.email, display_name: person.display_name },
        channel: channelOf(scope),
      },
      { revision: look.row.revision, unlessHeldByAnother: look.steppedIn ? null : person.id },
    )
    if (!decided) throw await whyNotDecided(t, scope, id, look.row)

    const decisionId = newId('dec', t.now.getTime())
    const seal = (column: string, value: unknown) => sealIf(key, scope, 'decisions', column, decisionId, value)
    const digests = digestsOf(scope, look.row, look.content, { response, reason: input.reason ?? null, userId: person.id })
    await insertDecision(t, scope, {
      id: decisionId,
      task_id: id,
      user_id: person.id,
      email: person.email,
      display_name: person.display_name,
      type: input.type,
      response: seal('response', response),
      reason: seal('reason', input.reason),
      comment: seal('comment', input.comment),
      seen_revision: look.row.revision,
      state: 'counted',
      stepped_in: look.steppedIn,
      channel: channelOf(scope),
      assurance: assuranceOf(t, scope),
      actor_id: scope.actor.id,
      session_id: scope.actor.session_id ?? null,
      key_id: scope.actor.key_id ?? null,
      address_hash: from.address === null ? null : hmacSha256(house.keyring.purpose('bucket'), from.address),
      ...digests,
    })
    await tellOfEnd(t, scope, decided, look.row.status, {
      decision_id: decisionId,
      stepped_in: look.steppedIn,
      fields: Object.keys(response),
      decision_sha256: digests.decision_sha256.toString('hex'),
    })
    return showWhole(house, t, scope, decided, null, person)
  })
}

/** Whether this person steps in; throws what stands against a decision of theirs. */
function refuseUnlessAllowed(t: Tx, scope: Scope, row: TaskRow, person: Person | null, input: DecideInput): boolean {
  if (!person) throw new Problem('agent_may_not_decide')
  if (!OPEN.includes(row.status) || row.deadline_at <= t.now)
    throw row.status === 'verifying' ? new Problem('task_verifying', { status: row.status }) : notOpen(row)
  if (input.seen_revision !== null && input.seen_revision !== row.revision)
    throw new Problem('task_revised', { revision: row.revision, changed: ['/payload'] })
  const eligible = isEligible(row, person)
  if (!eligible && !mayStepIn(scope, row)) throw new Problem('not_eligible')
  if (!eligible && !input.reason?.trim())
    throw invalid('/reason', 'reason_required', 'You were not asked: to decide anyway, say why.')
  if (row.risk === 'high' && assuranceOf(t, scope) !== 'step_up')
    throw new Problem('step_up_required', { need: 'step_up', have: assuranceOf(t, scope), methods: ['password'] })
  return !eligible
}

async function judged(house: TasksHouse, row: TaskRow, given: Record<string, unknown>): Promise<Record<string, unknown>> {
  const schema = await house.forms.gate(row.response_schema, '/response_schema', { mustBeObject: true })
  const { value, errors } = await house.forms.judge(schema, given, '/response')
  const size = Buffer.byteLength(writeJson(value))
  if (size > RESPONSE_BYTES)
    errors.push({ path: '/response', field: '', code: 'too_large', message: 'An answer has at most 1 MiB.' })
  if (errors.length > 0) throw new Problem('response_invalid', { errors })
  return value as Record<string, unknown>
}

async function whyNotDecided(t: Tx, scope: Scope, id: string, seen: TaskRow): Promise<Problem> {
  const row = await findTask(t, scope, id, EVERY)
  if (!row || !OPEN.includes(row.status) || row.deadline_at <= t.now) return whyNotOpen(t, scope, id)
  if (row.revision !== seen.revision) return new Problem('task_revised', { revision: row.revision, changed: ['/payload'] })
  return new Problem('task_already_claimed', { status: row.status, by: row.assigned_to_display_name })
}

/** A signed-in page, or a program with a person's own key. */
const channelOf = (scope: Scope): 'dashboard' | 'api' => (scope.scopes === null ? 'dashboard' : 'api')

function assuranceOf(t: Tx, scope: Scope): 'link' | 'session' | 'step_up' {
  if (scope.scopes !== null) return 'link'
  return scope.stepUpAt !== null && t.now.getTime() - scope.stepUpAt.getTime() <= STEP_UP_MS ? 'step_up' : 'session'
}

/** T152: what was shown, and what was decided about it, digit for digit (T6). */
function digestsOf(
  scope: Scope,
  row: TaskRow,
  content: Content,
  decision: { response: unknown; reason: string | null; userId: string },
): { content_sha256: Buffer; decision_sha256: Buffer } {
  const { description, payload } = content
  const shown = {
    v: 1,
    tenant_id: tenantWire(scope.tenantId),
    task_id: row.id,
    revision: row.revision,
    task: row.task,
    description,
    payload,
  }
  const content_sha256 = sha256(canonical({ ...shown, action: null, items: null }))
  const { response, reason, userId } = decision
  const decided = { v: 1, content_sha256: content_sha256.toString('hex'), type: 'respond', response, reason, user_id: userId }
  return { content_sha256, decision_sha256: sha256(canonical({ ...decided, args: null, items: null })) }
}
