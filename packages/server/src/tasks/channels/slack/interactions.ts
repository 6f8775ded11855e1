// What a person does in Slack (T116–T118): presses, forms, and the options of long lists. Each ends in the same verb as from any page; who may not is told privately and
// nothing changes. Answered within Slack's three seconds: whatever is only said is said by a job.
import { enqueue } from '@countersign/queue'
import { type FieldError, Problem } from '@countersign/sdk'
import { assemble, type Drafts, draftOf, type Form, leaves } from '@countersign/sdk/form'
import { systemScope } from '../../../db/scope.ts'
import { type Scope, tx } from '../../../db/tx.ts'
import type { Task } from '../../wire.ts'
import { type Done, type Heard, heard, type Reply, type Said } from '../heard.ts'
import { ACTS, type Press } from './blocks.ts'
import { callSlack, SlackRefused } from './client.ts'
import { explain, FORM_CHANGED, NOT_ACCEPTED, NOT_HERE, UNKNOWN_ACT, UNLINKED } from './explain.ts'
import { guestOf, type Here, hereOf } from './guest.ts'
import type { SlackHouse } from './house.ts'
import { formOfTask, howTo } from './means.ts'
import { ANSWER, blockIdOf, draftsFrom, endOf, errorsOn, modalOf, optionsFor } from './modal.ts'
import type { Linked } from './people.ts'
import { at, isRecord, type Json, readRecord, textAt } from './read.ts'
import type { Received } from './receive.ts'
import { findMessage, type MessageRow } from './sql.ts'

export const SAY = 'slack.say'
/** Ids and a sentence of ours; nothing of a task. */
export type SayPayload = { team_id: string; channel: string; slack_user_id: string; text: string }

const QUICK_MS = 2_000

/** What goes back in the answer itself: nothing, or what becomes of the view. */
export type Reaction = Json | null
const reacts = (reply: Reaction): Reply => ({ reply })

export async function heardByPress(house: SlackHouse, received: Received, requestId: string): Promise<Heard | Reply> {
  const { body, tenantId, teamId, again } = received
  if (again) return reacts(null)
  const here = await hereOf(house, tenantId, teamId, requestId)
  if (!here) return reacts(null)
  if (body.type === 'block_actions') return pressed(house, here, body)
  if (body.type === 'view_submission') return submitted(house, here, body)
  return reacts(null)
}

type Asked = { message: MessageRow; press: Press; slackUserId: string; channel: string }

async function askedOf(
  house: SlackHouse,
  { tenantId }: Here,
  memory: unknown,
  slackUserId: string | null,
): Promise<Asked | null> {
  const press = isRecord(memory) ? (memory as Partial<Press>) : {}
  const { n, t: taskId, r } = press
  if (typeof n !== 'string' || typeof taskId !== 'string' || typeof r !== 'number' || slackUserId === null) return null
  const scope = systemScope('slack', tenantId)
  const message = await tx(house.tasks.db, scope, (t) => findMessage(t, scope, n), { readOnly: true })
  if (!message || message.task_id !== taskId || message.channel === null) return null
  return { message, press: { n, t: taskId, r }, slackUserId, channel: message.channel }
}

/** By a job: Slack may be down just now, and what was pressed is answered later. */
const say = (
  house: SlackHouse,
  { tenantId, installation }: Here,
  { channel, slackUserId }: Pick<Asked, 'channel' | 'slackUserId'>,
  text: string,
): Promise<Reply> => {
  const scope = systemScope('slack', tenantId)
  const payload: SayPayload = { team_id: installation.row.team_id, channel, slack_user_id: slackUserId, text }
  return tx(house.tasks.db, scope, async (t) => {
    await enqueue(t, { kind: SAY, tenantId, payload })
    return reacts(null)
  })
}

async function pressed(house: SlackHouse, here: Here, body: Json): Promise<Heard | Reply> {
  const action = Array.isArray(body.actions) ? body.actions.find(isRecord) : undefined
  const id = textAt(action, 'action_id')
  // A link opens by itself; other blocks of a view only tell that something was chosen.
  if (!action || id === null || id === ACTS.open || isRecord(body.view)) return reacts(null)
  const slackUserId = textAt(body, 'user', 'id')
  const asked = await askedOf(house, here, readRecord(textAt(action, 'value') ?? ''), slackUserId)
  const place = { channel: textAt(body, 'channel', 'id') ?? textAt(body, 'container', 'channel_id'), slackUserId }
  const isKnown = (Object.values(ACTS) as string[]).includes(id)
  if (!asked || !isKnown)
    return place.channel !== null && slackUserId !== null
      ? say(house, here, { channel: place.channel, slackUserId }, UNKNOWN_ACT)
      : reacts(null)
  const guest = await guestOf(house, here, asked.slackUserId, asked.message)
  if (!guest) return say(house, here, asked, UNLINKED)
  return act(house, here, asked, { ...guest, id, trigger: textAt(body, 'trigger_id') })
}

type Doing = { scope: Scope; person: Linked; id: string; trigger: string | null }

/** Claimed at once; for everything else the task is looked at first, as its person sees it. What stands against it is told privately. */
function act(house: SlackHouse, here: Here, asked: Asked, doing: Doing): Heard {
  const refused = (error: unknown) => say(house, here, asked, error instanceof SlackRefused ? NOT_HERE : explain(error))
  const told = (run: () => Promise<Heard | Reply>) => run().catch(refused)
  const base = { person: doing.scope, from: { address: null }, refused }
  if (doing.id === ACTS.claim) return heard({ ...base, done: async () => reacts(null) }, { verb: 'claim' })
  const done = ({ task }: Done) => told(() => goOn(house, here, asked, doing, { ...base, task: task as Task }))
  return heard({ ...base, done }, { verb: 'read' })
}

type Base = Pick<Said, 'person' | 'from' | 'refused'> & { task: Task }

async function goOn(house: SlackHouse, here: Here, asked: Asked, doing: Doing, { task, ...base }: Base): Promise<Heard | Reply> {
  refuseUnlessTheirs(task)
  if (doing.id === ACTS.review || doing.id === ACTS.again) {
    await openForm(house, here, asked, doing, task)
    return reacts(null)
  }
  const { presses } = howTo({ task })
  if (!presses) throw new Problem('response_invalid')
  const { response } = doing.id === ACTS.approve ? presses.approve : presses.deny
  const done = async ({ task: decided }: Done) =>
    (decided as Task).status === 'returned' ? say(house, here, asked, NOT_ACCEPTED) : reacts(null)
  return heard({ ...base, done }, { verb: 'decide', body: { type: 'respond', response, seen_revision: asked.press.r } })
}

/** Before anything of the task is shown: a settled one says so, one of somebody else's too. */
function refuseUnlessTheirs(task: Task): void {
  if (task.status !== 'open' && task.status !== 'returned')
    throw new Problem(task.status === 'verifying' ? 'task_verifying' : 'task_not_open', { status: task.status })
  if (task.may.includes('decide')) return
  throw new Problem(task.assigned_to_user_id === null ? 'not_eligible' : 'task_already_claimed')
}

async function openForm(
  house: SlackHouse,
  { tenantId, installation }: Here,
  asked: Asked,
  { person, trigger }: Doing,
  task: Task,
): Promise<void> {
  if (howTo({ task }).means === 'link' || trigger === null) throw new Problem('step_up_required')
  const form = formOfTask(task)
  const before = lastRefused(task, person.user_id)
  const view = modalOf({
    ...{ task, form, url: task.url, memory: { ...asked.press, r: task.revision } },
    ...(before ? { drafts: draftOf(form, before.response), note: before.note, said: saidOf(form, task) } : {}),
  })
  await callSlack(house, 'views.open', { trigger_id: trigger, view }, { tenantId, token: installation.token, wholeMs: QUICK_MS })
}

/** The verifier's words about single fields, on their blocks. */
function saidOf(form: Form, task: Task): Record<string, string> {
  const errors = fieldErrorsOf(task)
  return errors.length === 0 ? {} : (errorsOn(form, errors) ?? {})
}

function fieldErrorsOf({ verifier_result: result }: Task): FieldError[] {
  const said = at(result, 'field_errors')
  return Array.isArray(said) ? (said as FieldError[]) : []
}

/** What this person had answered when the verifier refused it (T117): their own words come back, with the reason. */
function lastRefused(task: Task, userId: string): { response: unknown; note: string } | null {
  const own = task.decisions.filter(({ user_id, state }) => user_id === userId && state === 'returned').at(-1)
  if (task.status !== 'returned' || !own) return null
  const reason = textAt(task.verifier_result, 'reason')
  const understood = isRecord(task.verifier_result) && task.verifier_result.passed === true
  // What a model made of their words: theirs once they send it (T131).
  if (understood) return { response: at(task.verifier_result as Json, 'parsed_response'), note: reason ?? '' }
  return {
    response: own.response,
    note: reason === null ? 'Your answer was not accepted.' : `Your answer was not accepted: ${reason}`,
  }
}

async function submitted(house: SlackHouse, here: Here, body: Json): Promise<Heard | Reply> {
  const { view } = body
  const memory = readRecord(textAt(view, 'private_metadata') ?? '')
  const asked = await askedOf(house, here, memory, textAt(body, 'user', 'id'))
  if (!asked || at(view, 'callback_id') !== ANSWER) return reacts(ended(UNKNOWN_ACT, house.tasks.origin()))
  const url = `${house.tasks.origin()}/tasks/${asked.press.t}`
  const guest = await guestOf(house, here, asked.slackUserId, asked.message)
  if (!guest) {
    await say(house, here, asked, UNLINKED)
    return reacts(ended('Sign in first: a private message says how.', url))
  }
  const refused = async (error: unknown) => reacts(ended(explain(error), url))
  const base = { person: guest.scope, from: { address: null }, refused }
  const values = at(view, 'state', 'values')
  const done = async ({ task }: Done) => {
    try {
      return answer(asked, { ...base, task: task as Task }, values)
    } catch (error) {
      return refused(error)
    }
  }
  return heard({ ...base, done }, { verb: 'read' })
}

const ended = (text: string, url: string): Reaction => ({ response_action: 'update', view: endOf(text, url) })

function answer(asked: Asked, { task, ...base }: Base, values: unknown): Heard | Reply {
  refuseUnlessTheirs(task)
  const form = formOfTask(task)
  const memory = { ...asked.press, r: task.revision }
  const known = new Set(leaves(form.fields).map(blockIdOf))
  const drafts: Drafts = draftsFrom(form, values)
  if (task.revision !== asked.press.r)
    return reacts({ response_action: 'update', view: modalOf({ task, form, memory, drafts, url: task.url, note: FORM_CHANGED }) })
  if (Object.keys(isRecord(values) ? values : {}).some((id) => !known.has(id))) return reacts(ended(FORM_CHANGED, task.url))
  const response = assemble(form, drafts) as Record<string, unknown>
  const done = async ({ task: decided }: Done) =>
    reacts((decided as Task).status === 'returned' ? refusedOn(form, decided as Task) : null)
  const refused = async (error: unknown) => {
    const errors = error instanceof Problem && error.code === 'response_invalid' ? (error.members.errors ?? []) : null
    const on = errors && errorsOn(form, errors)
    return on ? reacts({ response_action: 'errors', errors: on }) : reacts(ended(explain(error), task.url))
  }
  return heard({ ...base, done, refused }, { verb: 'decide', body: { type: 'respond', response, seen_revision: asked.press.r } })
}

/** A verifier that speaks at once: its word stands in the view, with all that was typed. */
function refusedOn(form: Form, task: Task): Reaction {
  const fields = fieldErrorsOf(task)
  const reason = textAt(task.verifier_result, 'reason') ?? NOT_ACCEPTED
  const errors = errorsOn(form, fields.length > 0 ? fields : [{ path: '', code: 'refused', message: reason }])
  return errors ? { response_action: 'errors', errors } : ended(reason, task.url)
}

/** Of a list longer than a select holds, within the view that asks. */
export async function heardBySearch(
  house: SlackHouse,
  { body, tenantId, teamId }: Received,
  requestId: string,
): Promise<Heard | Reply> {
  const none = reacts({ options: [] })
  const here = await hereOf(house, tenantId, teamId, requestId)
  const memory = readRecord(textAt(body, 'view', 'private_metadata') ?? '')
  const asked = here && (await askedOf(house, here, memory, textAt(body, 'user', 'id')))
  const guest = asked && (await guestOf(house, here, asked.slackUserId, asked.message))
  if (!guest) return none
  const done = async ({ task }: Done) => {
    if (!(task as Task).may.includes('decide')) return none
    const blockId = textAt(body, 'block_id') ?? ''
    const typed = typeof body.value === 'string' ? body.value : ''
    return reacts({ options: optionsFor(formOfTask(task as Task), blockId, typed) })
  }
  return heard({ person: guest.scope, from: { address: null }, done }, { verb: 'read' })
}
