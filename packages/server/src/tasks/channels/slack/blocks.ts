// A task as a message of Slack (T116): what is asked, by whom, until when, and what can be pressed. Made of what a channel may show, within Slack's limits. What an
// agent wrote stands in plain text, where nothing mentions, links or formats.
import type { ActionsBlock, Button, KnownBlock, PlainTextElement } from '@slack/types'
import { Digits, writeJson } from '../../../http/json.ts'
import { isFinal, type Status } from '../../state.ts'
import type { Task } from '../../wire.ts'
import type { Notice, Shown } from '../channel.ts'
import { atMost, clip, cut, LIMITS, plainMarkup } from './limits.ts'
import type { HowTo } from './means.ts'
import { isRecord } from './read.ts'

export type Message = { text: string; blocks: KnownBlock[] }

export const ACTS = {
  approve: 'cs_approve',
  deny: 'cs_deny',
  review: 'cs_review',
  claim: 'cs_claim',
  open: 'cs_open',
  again: 'cs_again',
} as const

export const plain = (text: string, max: number = LIMITS.text): PlainTextElement => ({
  type: 'plain_text',
  text: cut(text === '' ? ' ' : text, max),
  emoji: false,
})

/** What a press brings back. */
export type Press = { n: string; t: string; r: number }
export const pressOf = (notice: Pick<Notice, 'id' | 'taskId'>, revision: number): string =>
  JSON.stringify({ n: notice.id, t: notice.taskId, r: revision } satisfies Press)

export function messageOf(notice: Pick<Notice, 'id' | 'taskId' | 'purpose'>, shown: Shown, how: HowTo): Message {
  const { task, askedBy } = shown
  const title = titleOf(task)
  const said = stateOf(task)
  const lines = said ?? PURPOSES[notice.purpose]
  return {
    text: cut(plainMarkup(`${lines ? `${lines} ` : ''}${title}`), LIMITS.fallback),
    blocks: atMost<KnownBlock>(
      [
        { type: 'header', text: { type: 'plain_text', text: clip(title, LIMITS.header), emoji: false } },
        ...(task.task.length > LIMITS.header && title === task.task ? [section(task.task)] : []),
        // verbatim: what stands there bare, an address in a name, becomes no link.
        { type: 'context', elements: [{ type: 'mrkdwn', text: cut(contextOf(task, askedBy), LIMITS.text), verbatim: true }] },
        ...(lines === null ? [] : [section(lines)]),
        ...(isFinal(task.status as Status) ? [] : contentOf(task)),
        ...(isFinal(task.status as Status) ? [] : [actionsOf(notice, shown, how)]),
        ...(how.why && !isFinal(task.status as Status) ? [note(how.why)] : []),
      ],
      LIMITS.messageBlocks,
      (count) => note(`${count} more parts are on its page.`),
    ),
  }
}

const PURPOSES: Record<Notice['purpose'], string | null> = {
  asked: null,
  reminder: 'This still waits for an answer.',
  escalated: 'Nobody has answered yet, so you are asked.',
  returned: 'An answer was not accepted; it needs another.',
  revised: 'The question has changed.',
  digest: null,
}

const titleOf = (task: Task): string => (typeof task.task === 'string' ? task.task : 'A task waits')
const section = (text: string): KnownBlock => ({ type: 'section', text: plain(text) })
const note = (text: string): KnownBlock => ({ type: 'context', elements: [plain(text, LIMITS.text)] })

/** Slack writes the time in the reader's own zone. */
export const dateOf = (time: Date | string): string => {
  const date = new Date(time)
  return `<!date^${Math.floor(date.getTime() / 1_000)}^{date_short_pretty} {time}|${date.toISOString()}>`
}

function contextOf(task: Task, askedBy: string): string {
  const asked = `Asked by *${plainMarkup(clip(askedBy, 200))}*`
  const ended = task.completed_at ?? task.timed_out_at ?? task.cancelled_at
  if (ended) return `${asked} · ${dateOf(ended)}`
  const priority = ['high', 'urgent'].includes(task.priority) ? ` · *${task.priority}*` : ''
  return `${asked} · answer by ${dateOf(task.deadline_at)}${priority}`
}

const BY: Record<string, string> = {
  email: 'by mail',
  slack: 'in Slack',
  dashboard: 'in the dashboard',
  embed: 'in an embedded page',
  webhook: 'through a webhook',
  api: 'through the API',
  cli: 'in the terminal',
}

/** One sentence; null while nothing is to be said but the question. */
export function stateOf(task: Task): string | null {
  if (task.status === 'timed_out') return 'Nobody answered in time.'
  if (task.status === 'cancelled') return 'It was withdrawn.'
  if (task.status === 'verification_exhausted') return 'The answers did not pass the check.'
  if (task.status === 'verifying') return 'An answer is being checked.'
  if (task.status === 'revising') return 'It was sent back to the agent.'
  if (task.status === 'completed') return `${doneBy(task)}.`
  return task.assigned_to_display_name && task.claimed_at ? `Held by ${clip(task.assigned_to_display_name, 200)}.` : null
}

function doneBy(task: Task): string {
  if (task.completed_via_channel === 'timeout') return 'The deadline settled it'
  const how = BY[task.completed_via_channel ?? '']
  return `${wordOf(task)} by ${clip(task.completed_by_display_name ?? 'somebody', 200)}${how ? ` ${how}` : ''}`
}

function wordOf(task: Task): string {
  if (task.outcome === 'denied') return 'Denied'
  if (task.outcome === 'accepted' || task.outcome === 'edited') return 'Approved'
  if (task.outcome === 'ignored') return 'Ignored'
  const { verdict, response } = task
  if (verdict && isRecord(response)) {
    const value = verdict.pointer
      .split('/')
      .slice(1)
      .reduce<unknown>(
        (inner, name) => (isRecord(inner) ? inner[name.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined),
        response,
      )
    if (verdict.approve.includes(value)) return 'Approved'
    if (verdict.deny.includes(value)) return 'Denied'
  }
  return 'Answered'
}

/** What is judged, line by line; what is masked is said to be. */
export function contentOf(task: Task): KnownBlock[] {
  const { description, payload } = task
  return [
    ...(typeof description === 'string' && description !== '' ? [section(description)] : []),
    ...(isRecord(payload) && payload._redacted !== true && Object.keys(payload).length > 0 ? [section(linesOf(payload))] : []),
    ...(isRecord(payload) && payload._redacted === true ? [note('Its content is shown only to who is signed in.')] : []),
  ]
}

const VALUE = 300

function linesOf(payload: Record<string, unknown>): string {
  return Object.entries(payload)
    .map(([name, value]) => `${clip(name, 100)}: ${cut(valueText(value), VALUE)}`)
    .join('\n')
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Digits) return value.text
  if (isRecord(value) && value._redacted === true) return '(hidden)'
  return value === null ? 'none' : writeJson(value)
}

function actionsOf(notice: Pick<Notice, 'id' | 'taskId'>, { task, url }: Shown, how: HowTo): ActionsBlock {
  const value = pressOf(notice, task.revision)
  const open = task.status === 'open' || task.status === 'returned'
  const { presses } = how
  const elements: Button[] = []
  if (open && how.means !== 'link') {
    if (presses)
      elements.push(press(ACTS.approve, presses.approve.label, value, task), press(ACTS.deny, presses.deny.label, value, task))
    if (!presses || how.means === 'form' || task.status === 'returned')
      elements.push(button(ACTS.review, presses ? 'Review' : 'Answer', value))
  }
  if (open && isUnclaimed(task)) elements.push(button(ACTS.claim, 'Claim', value))
  elements.push({ ...button(ACTS.open, 'Open', value), url })
  return { type: 'actions', block_id: `cs-${notice.id}`, elements }
}

/** Several were asked and nobody holds it yet: one may take it on. */
const isUnclaimed = (task: Task): boolean => task.assigned_to_user_id === null && task.assigned_to_email === null

export const button = (action: string, label: string, value: string): Button => ({
  type: 'button',
  action_id: action,
  text: { type: 'plain_text', text: clip(label, LIMITS.button), emoji: false },
  value,
})

/** One press decides, so Slack asks once more (T116). */
const press = (action: typeof ACTS.approve | typeof ACTS.deny, label: string, value: string, task: Task): Button => {
  const word = action === ACTS.approve ? (label === 'Yes' ? 'Approve' : label) : label === 'No' ? 'Deny' : label
  return {
    ...button(action, word, value),
    style: action === ACTS.approve ? 'primary' : 'danger',
    confirm: {
      title: { type: 'plain_text', text: clip(`${word}?`, 100), emoji: false },
      text: { type: 'plain_text', text: clip(titleOf(task), 300), emoji: false },
      confirm: { type: 'plain_text', text: clip(word, 30), emoji: false },
      deny: { type: 'plain_text', text: 'Not yet', emoji: false },
    },
  }
}
