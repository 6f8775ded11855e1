// What a decision is once it is judged, and what it leaves behind: the row, its digests, the members of its event. Who decided comes from the authenticated
// request alone (T21). Writes nothing: decision.ts and quorum/vote.ts do.
import { Problem } from '@countersign/sdk'
import { hmacSha256, sha256 } from '../crypto/token.ts'
import type { Guest, Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import type { EventData } from '../events/event.ts'
import { writeJson } from '../http/json.ts'
import type { Judged as PolicyJudged } from '../identity/policies/judge.ts'
import { newId } from '../std/id.ts'
import { type Judged, judgeAction } from './actions/action.ts'
import type { Action, ActionType } from './actions/proposal.ts'
import { type Content, type Opener, sealIf } from './content.ts'
import { RESPONSE_BYTES } from './creation.ts'
import { decidedText, shownText } from './digest.ts'
import type { TasksHouse } from './house.ts'
import { assuranceOf, type Circumstances } from './may-decide.ts'
import type { Person } from './person.ts'
import { invalid, whyNotOpen } from './settle.ts'
import { EVERY, findTask, type NewDecision, OPEN, type TaskRow } from './sql.ts'
import { findRevisions } from './talk/sql.ts'
import { approves, denies } from './verdict.ts'
import { isModel } from './verifiers/config.ts'

type Json = Record<string, unknown>

export type DecideInput = {
  /** What a task without an action is answered by: `respond`. */
  type: ActionType
  response?: Json | null
  args?: Json | null
  reason?: string | null
  comment?: string | null
  /** In the person's own words, for a verifier that reads them, in place of `response` (T131). */
  raw_text?: string | null
  /** Whose decision it is, where a key relays it (T19). */
  on_behalf_of?: string | null
  /** That this very decision was fixed before its person proved to be there (T152). */
  assertion?: { nonce: string } | null
  /** Null: whatever revision is there now; the compatible clients know no other (§3.4). */
  seen_revision: number | null
  remember?: { for_seconds: number } | null
}
/** Of the request, for the record. */
export type Provenance = { address: string | null }

/** Who decides what, as it was looked at before any lock. */
export type Look = {
  row: TaskRow
  content: Content
  person: Person
  steppedIn: boolean
  /** What policy said to it (T8). */
  policy: PolicyJudged
  opener: Opener
  around: Circumstances
}

export type Decision = Look & Judged & { scope: Scope; input: DecideInput; from: Provenance; bytes: number }

/** By the task's own schema, before any transaction (T75). */
export async function judged(house: TasksHouse, { row, content, around }: Look, input: DecideInput): Promise<Judged> {
  if (input.raw_text) return inWords(row, input)
  const judgeResponse = (response: Json) => judgeByTask(house, row, response)
  if (row.action !== null) {
    const { deny_reason: denyReason } = around.settings
    return judgeAction(house.forms, content.action as unknown as Action, input, judgeResponse, { path: '', denyReason })
  }
  if (input.type !== 'respond') throw invalid('/type', 'not_allowed', 'This question is answered by respond.')
  if (input.args) throw invalid('/args', 'not_allowed', 'Only an edit of a proposed action brings arguments.')
  if (!input.response) throw invalid('/response', 'required', 'A response is missing.')
  const response = await judgeResponse(input.response)
  const says = approves(response, row.verdict) ? 'yes' : denies(response, row.verdict) ? 'no' : 'other'
  return { type: 'respond', answer: response, response, args: null, patch: null, outcome: 'answered', says }
}

/** Nothing is agreed to by words alone: what a verifier makes of them is shown to their writer first (T131). */
function inWords(row: TaskRow, { type, response, args }: DecideInput): Judged {
  if (type !== 'respond' || response || args)
    throw invalid('/raw_text', 'not_allowed', 'Free text stands for itself: it comes as a respond and without another answer.')
  if (!readsWords(row)) throw invalid('/raw_text', 'nobody_reads', 'No verifier of this task reads free text: send a response.')
  const outcome = row.action === null ? 'answered' : 'responded'
  return { type, answer: {}, response: null, args: null, patch: null, outcome, says: 'other' }
}

/** A model among what checks the answers. */
export const readsWords = ({ verifier_config }: Pick<TaskRow, 'verifier_config'>): boolean =>
  (verifier_config ?? []).some(isModel)

export async function judgeByTask(house: TasksHouse, row: TaskRow, given: Json): Promise<Json> {
  const schema = await house.forms.gateAsked(row.response_schema, row.form_definition, 'stored')
  const { value, errors } = await house.forms.judge(schema, given, '/response')
  const size = Buffer.byteLength(writeJson(value))
  if (size > RESPONSE_BYTES)
    errors.push({ path: '/response', field: '', code: 'too_large', message: 'An answer has at most 1 MiB.' })
  if (errors.length > 0) throw new Problem('response_invalid', { errors })
  return value as Json
}

/** A guest's, a signed-in page, or a program with a person's own key. */
export const channelOf = (scope: Scope): Guest['channel'] | 'dashboard' | 'api' =>
  scope.guest?.channel ?? (scope.scopes === null ? 'dashboard' : 'api')

/** The row of a decision, sealed. `counted`: it has its say; `pending`: it waits for somebody else's look first. */
export function decisionRow(
  house: TasksHouse,
  t: Tx,
  one: Decision,
  standing: { state: 'counted' | 'pending'; group: number | null },
): NewDecision {
  const { scope, row, person, input, from, steppedIn, opener } = one
  const id = newId('dec', t.now.getTime())
  const seal = (column: string, value: unknown) => sealIf(opener.key(row.id), scope, 'decisions', column, id, value)
  return {
    id,
    task_id: row.id,
    user_id: scope.userId,
    guest: scope.userId === null ? person.id : null,
    email: person.email,
    display_name: person.display_name,
    type: one.type,
    response: seal('response', one.response),
    args: seal('args', one.args),
    patch: seal('patch', one.patch),
    reason: seal('reason', input.reason),
    comment: seal('comment', input.comment),
    raw_text: seal('raw_text', input.raw_text),
    seen_revision: row.revision,
    approves: one.says === 'other' ? null : one.says === 'yes',
    edited: one.patch === null || one.patch.length === 0 ? null : [...new Set(one.patch.map(({ path }) => path))].slice(0, 200),
    state: standing.state,
    counted_in: standing.group,
    remembered_version: null,
    remembered_until: null,
    stepped_in: steppedIn,
    channel: channelOf(scope),
    assurance: assuranceOf(t, scope),
    actor_id: scope.actor.id,
    session_id: scope.actor.session_id ?? null,
    key_id: scope.actor.key_id ?? null,
    attested_by: attesterOf(scope),
    address_hash: from.address === null ? null : hmacSha256(house.keyring.purpose('bucket'), from.address),
    ...digestsOf(one),
  }
}

/** The key on whose word it rests who this is: the one that relays them, or that let them into an embedded page (T19, T125). */
const attesterOf = ({ guest, actor }: Scope): string | null =>
  guest?.attestedBy ?? (guest?.channel === 'embed' ? (actor.key_id ?? null) : null)

type Digested = Pick<Decision, 'scope' | 'row' | 'content' | 'type' | 'response' | 'args' | 'input' | 'person'>

/** T152: what was shown, and what was decided about it, digit for digit (T6). */
export function digestsOf({ scope, row, content, type, response, args, input, person }: Digested) {
  const content_sha256 = sha256(shownText(scope, row, content))
  const decided = { type, response, args, reason: input.reason ?? null, userId: person.id }
  return { content_sha256, decision_sha256: sha256(decidedText(content_sha256.toString('hex'), decided)) }
}

/** For the event: ids, names of members and digests; never what was said. */
export const eventOf = ({ id, type, stepped_in, attested_by, decision_sha256 }: NewDecision, { answer }: Judged): EventData => ({
  decision_id: id,
  type,
  stepped_in,
  ...(attested_by === null ? {} : { attested_by }),
  fields: Object.keys(answer),
  decision_sha256: decision_sha256.toString('hex'),
})

/** Why nothing matched: the present state, never a guess. */
export async function whyNotDecided(t: Tx, scope: Scope, seen: TaskRow): Promise<Problem> {
  const row = await findTask(t, scope, seen.id, EVERY)
  if (!row || !OPEN.includes(row.status) || row.deadline_at <= t.now) return whyNotOpen(t, scope, seen.id)
  if (row.revision !== seen.revision) return revisedSince(t, scope, row, seen.revision)
  return new Problem('task_already_claimed', { status: row.status, by: row.assigned_to_display_name })
}

/** With what changed since the revision that the person saw (T13); what nobody ever saw here is no revision. */
export async function revisedSince(t: Tx, scope: Scope, row: TaskRow, seen: number): Promise<Problem> {
  const changed = (await findRevisions(t, scope, row.id, Math.max(1, seen))).flatMap((one) => one.changed)
  return new Problem('task_revised', { revision: row.revision, changed: [...new Set(changed)] })
}
