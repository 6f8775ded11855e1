// What a person does in Slack (T116–T118): presses, forms, and the options of long lists. Each ends in the same verb as from any page; who may not is told privately and
// nothing changes. Answered within Slack's three seconds: whatever is only said is said by a job.
import { enqueue } from '@countersign/queue'
import { type FieldError, Problem } from '@countersign/sdk'
import { assemble, type Drafts, draftOf, type Form, leaves } from '@countersign/sdk/form'
import { systemScope } from '../../../db/scope.ts'
import { type Scope, tx } from '../../../db/tx.ts'
import { decideTask } from '../../decision.ts'
import { claimTask } from '../../holding.ts'
import { getTask } from '../../look.ts'
import type { Task } from '../../wire.ts'
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

export async function interact(house: SlackHouse, received: Received, requestId: string): Promise<Reaction> {
  const { body, tenantId, teamId, again } = received
  if (again) return null
  const here = await hereOf(house, tenantId, teamId, requestId)
  if (!here) return null
  if (body.type === 'block_actions') return pressed(house, here, body)
  if (body.type === 'view_submission') return submitted(house, here, body)
  return null
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
): Promise<null> => {
  const scope = systemScope('slack', tenantId)
  const payload: SayPayload = { team_id: installation.row.team_id, channel, slack_user_id: slackUserId, text }
  return tx(house.tasks.db, scope, async (t) => {
    await enqueue(t, { kind: SAY, tenantId, payload })
    return null
  })
}

async function pressed(house: SlackHouse, here: Here, body: Json): Promise<Reaction> {
  const action = Array.isArray(body.actions) ? body.actions.find(isRecord) : undefined
  const id = textAt(action, 'action_id')
  // A link opens by itself; other blocks of a view only tell that something was chosen.
  if (!action || id === null || id === ACTS.open || isRecord(body.view)) return null
  const slackUserId = textAt(body, 'user', 'id')
  const asked = await askedOf(house, here, readRecord(textAt(action, 'value') ?? ''), slackUserId)
  const place = { channel: textAt(body, 'channel', 'id') ?? textAt(body, 'container', 'channel_id'), slackUserId }
  const isKnown = (Object.values(ACTS) as string[]).includes(id)
  if (!asked || !isKnown)
    return place.channel !== null && slackUserId !== null
      ? say(house, here, { channel: place.channel, slackUserId }, UNKNOWN_ACT)
      : null
  const guest = await guestOf(house, here, asked.slackUserId, asked.message)
  if (!guest) return say(house, here, asked, UNLINKED)
  try {
    await act(house, here, asked, { ...guest, id, trigger: textAt(body, 'trigger_id') })
    return null
  } catch (error) {
    if (error instanceof SlackRefused) return say(house, here, asked, NOT_HERE)
    return say(house, here, asked, explain(error))
  }
}

type Doing = { scope: Scope; person: Linked; id: string; trigger: string | null }

async function act(house: SlackHouse, here: Here, asked: Asked, doing: Doing): Promise<void> {
  const { scope, id } = doing
  const { tasks } = house
  const { taskId, revision } = { taskId: asked.press.t, revision: asked.press.r }
  if (id === ACTS.claim) {
    await claimTask(tasks, scope, taskId)
    return
  }
  const task = await getTask(tasks, scope, taskId)
  refuseUnlessTheirs(task)
  if (id === ACTS.review || id === ACTS.again) return openForm(house, here, asked, doing, task)
  const { presses } = howTo({ task })
  if (!presses) throw new Problem('response_invalid')
  const { response } = id === ACTS.approve ? presses.approve : presses.deny
  const input = { type: 'respond' as const, response, seen_revision: revision }
  const decided = await decideTask(tasks, scope, taskId, input, { address: null })
  if (decided.status === 'returned') await say(house, here, asked, NOT_ACCEPTED)
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

async function submitted(house: SlackHouse, here: Here, body: Json): Promise<Reaction> {
  const { view } = body
  const memory = readRecord(textAt(view, 'private_metadata') ?? '')
  const asked = await askedOf(house, here, memory, textAt(body, 'user', 'id'))
  if (!asked || at(view, 'callback_id') !== ANSWER) return ended(UNKNOWN_ACT, house.tasks.origin())
  const url = `${house.tasks.origin()}/tasks/${asked.press.t}`
  const guest = await guestOf(house, here, asked.slackUserId, asked.message)
  if (!guest) {
    await say(house, here, asked, UNLINKED)
    return ended('Sign in first: a private message says how.', url)
  }
  try {
    return await answer(house, asked, guest.scope, at(view, 'state', 'values'))
  } catch (error) {
    return ended(explain(error), url)
  }
}

const ended = (text: string, url: string): Reaction => ({ response_action: 'update', view: endOf(text, url) })

async function answer(house: SlackHouse, asked: Asked, scope: Scope, values: unknown): Promise<Reaction> {
  const task = await getTask(house.tasks, scope, asked.press.t)
  refuseUnlessTheirs(task)
  const form = formOfTask(task)
  const memory = { ...asked.press, r: task.revision }
  const known = new Set(leaves(form.fields).map(blockIdOf))
  const drafts: Drafts = draftsFrom(form, values)
  if (task.revision !== asked.press.r)
    return { response_action: 'update', view: modalOf({ task, form, memory, drafts, url: task.url, note: FORM_CHANGED }) }
  if (Object.keys(isRecord(values) ? values : {}).some((id) => !known.has(id))) return ended(FORM_CHANGED, task.url)
  const response = assemble(form, drafts) as Record<string, unknown>
  try {
    const input = { type: 'respond' as const, response, seen_revision: asked.press.r }
    const decided = await decideTask(house.tasks, scope, task.id, input, { address: null })
    return decided.status === 'returned' ? refusedOn(form, decided) : null
  } catch (error) {
    const errors = error instanceof Problem && error.code === 'response_invalid' ? (error.members.errors ?? []) : null
    const on = errors && errorsOn(form, errors)
    if (on) return { response_action: 'errors', errors: on }
    throw error
  }
}

/** A verifier that speaks at once: its word stands in the view, with all that was typed. */
function refusedOn(form: Form, task: Task): Reaction {
  const fields = fieldErrorsOf(task)
  const reason = textAt(task.verifier_result, 'reason') ?? NOT_ACCEPTED
  const errors = errorsOn(form, fields.length > 0 ? fields : [{ path: '', code: 'refused', message: reason }])
  return errors ? { response_action: 'errors', errors } : ended(reason, task.url)
}

/** Of a list longer than a select holds, within the view that asks. */
export async function suggest(house: SlackHouse, { body, tenantId, teamId }: Received, requestId: string): Promise<Json> {
  const none = { options: [] }
  const here = await hereOf(house, tenantId, teamId, requestId)
  const memory = readRecord(textAt(body, 'view', 'private_metadata') ?? '')
  const asked = here && (await askedOf(house, here, memory, textAt(body, 'user', 'id')))
  const guest = asked && (await guestOf(house, here, asked.slackUserId, asked.message))
  if (!guest) return none
  const task = await getTask(house.tasks, guest.scope, asked.press.t)
  if (!task.may.includes('decide')) return none
  const blockId = textAt(body, 'block_id') ?? ''
  return { options: optionsFor(formOfTask(task), blockId, typeof body.value === 'string' ? body.value : '') }
}
