// What a notice says at an endpoint (T120): as data for a program, or as a message in the form of the chat that the endpoint is. What is masked stays masked; what an
// agent wrote is text in every form.
import { writeJson } from '../../../http/json.ts'
import { tenantWire } from '../../../std/id.ts'
import type { Task } from '../../wire.ts'
import type { Notice } from '../channel.ts'
import { levelOf } from '../choices.ts'
import type { Template } from './sql.ts'

export type Action = { type: 'answer' | 'review'; label: string; url: string; expires_at: Date }
type Said = Pick<
  Task,
  | (
      | 'id'
      | 'verifier_result'
      | 'revision'
      | 'status'
      | 'outcome'
      | 'task'
      | 'description'
      | 'payload'
      | 'priority'
      | 'risk'
      | 'deadline_at'
      | 'redact'
    )
  | ('response_schema' | 'on_behalf_of' | 'completed_via_channel' | 'completed_by_display_name' | 'assigned_to_display_name')
>
export type Told = {
  notice: Pick<Notice, 'id' | 'tenantId' | 'purpose'>
  shown: { task: Said; url: string; askedBy: string }
  actions: readonly Action[]
  /** It tells of a change of what was told before. */
  isUpdate: boolean
  /** It is of no task: somebody looks whether it arrives. */
  isTest?: true
  now: Date
}

export function bodyOf(template: Template, told: Told): string {
  switch (template) {
    case 'raw':
      return writeJson(raw(told))
    case 'teams':
      return JSON.stringify(teams(told))
    case 'discord':
      return JSON.stringify(discord(told))
    case 'google_chat':
      return JSON.stringify(googleChat(told))
  }
}

function raw({ notice, shown, actions, isUpdate, isTest, now }: Told) {
  const { task, askedBy, url } = shown
  const isSecret = levelOf(task) === 'strict'
  return {
    id: notice.id,
    type: 'task.notice',
    occurred_at: now,
    tenant_id: tenantWire(notice.tenantId),
    data: {
      task_id: task.id,
      revision: task.revision,
      purpose: notice.purpose,
      update: isUpdate,
      ...(isTest ? { test: true } : {}),
      status: task.status,
      outcome: task.outcome,
      settled_by: isUpdate ? task.completed_by_display_name : null,
      task: isSecret ? 'A task waits' : task.task,
      asked_by: askedBy,
      on_behalf_of: isSecret ? null : task.on_behalf_of,
      description: levelOf(task) === 'none' ? task.description : null,
      ...payloadOf(task),
      priority: task.priority,
      risk: task.risk,
      deadline_at: task.deadline_at,
      // Why the last answer came back.
      ...(notice.purpose === 'returned' ? { verifier_result: task.verifier_result } : {}),
      response_schema: isSecret ? null : task.response_schema,
      url,
      actions,
    },
  }
}

const LARGEST_PAYLOAD = 65_536

/** Whole, or not at all: half of it would read as all of it. */
function payloadOf(task: Said): { payload: unknown; left_out: string | null } {
  if (levelOf(task) !== 'none' || task.payload === null) return { payload: null, left_out: null }
  const bytes = Buffer.byteLength(writeJson(task.payload))
  if (bytes <= LARGEST_PAYLOAD) return { payload: task.payload, left_out: null }
  return { payload: { _truncated: true }, left_out: `${bytes} more bytes of payload stand in the task.` }
}

type Words = { title: string; lines: string[] }

/** The same few lines in every chat. */
function wordsOf({ shown, isUpdate }: Told): Words {
  const { task, askedBy } = shown
  const title = levelOf(task) === 'strict' ? 'A task waits' : cut(task.task, 300)
  if (isUpdate) return { title, lines: [endOf(task)] }
  const payload = levelOf(task) === 'none' ? (task.payload as Record<string, unknown> | null) : null
  const rows = Object.entries(payload ?? {}).filter(([, value]) => !isMasked(value))
  const left = rows.length - MOST_ROWS
  const content = rows
    .slice(0, MOST_ROWS)
    .map(([name, value]) => `${name}: ${cut(typeof value === 'string' ? value : writeJson(value), 300)}`)
  return {
    title,
    lines: [
      `Asked by ${askedBy}, priority ${task.priority}, answer by ${new Date(task.deadline_at).toISOString()}.`,
      ...content,
      ...(left > 0 ? [`… ${left} more not shown`] : []),
    ],
  }
}

const MOST_ROWS = 15
const isMasked = (value: unknown): boolean => typeof value === 'object' && value !== null && '_redacted' in value

function cut(text: string, most: number): string {
  const characters = [...text]
  const left = characters.length - most
  return left > 0 ? `${characters.slice(0, most).join('')}… (${left} more characters)` : text
}

function endOf(task: Said): string {
  if (task.status === 'completed')
    return task.completed_via_channel === 'timeout'
      ? 'The deadline settled it.'
      : `Settled by ${task.completed_by_display_name ?? 'somebody'}.`
  if (task.status === 'timed_out') return 'Nobody answered in time.'
  if (task.status === 'cancelled') return 'It was withdrawn.'
  return task.assigned_to_display_name ? `Taken on by ${task.assigned_to_display_name}.` : `It is ${task.status}.`
}

/** An Adaptive Card, as incoming webhooks of Teams and its workflows take it. */
function teams(told: Told) {
  const { title, lines } = wordsOf(told)
  const text = (words: string, more: object = {}) => ({ type: 'TextBlock', wrap: true, text: plain(words), ...more })
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [text(title, { weight: 'Bolder', size: 'Medium' }), ...lines.map((line) => text(line))],
    actions: told.actions.map(({ label, url }) => ({ type: 'Action.OpenUrl', title: label, url })),
  }
  return { type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }] }
}

/** A webhook of Discord has no buttons of its own: its links stand in the text, and nobody is called by a mention that an agent wrote. */
function discord(told: Told) {
  const { title, lines } = wordsOf(told)
  const links = told.actions.map(({ label, url }) => `[${plain(label)}](${url})`).join(' · ')
  const description = cut(lines.map(plain).join('\n'), 2_000)
  return {
    embeds: [{ title: cut(plain(title), 200), description: links === '' ? description : `${description}\n\n${links}` }],
    allowed_mentions: { parse: [] },
  }
}

function googleChat(told: Told) {
  const { title, lines } = wordsOf(told)
  const buttons = told.actions.map(({ label, url }) => ({ text: label, onClick: { openLink: { url } } }))
  const widgets = [
    ...lines.map((line) => ({ textParagraph: { text: entities(line) } })),
    ...(buttons.length > 0 ? [{ buttonList: { buttons } }] : []),
  ]
  return { cardsV2: [{ cardId: told.notice.id, card: { header: { title: cut(title, 200) }, sections: [{ widgets }] } }] }
}

/** Without the signs that these chats take for markup. */
const plain = (text: string): string => text.replace(/[\\`*_~|[\]()<>#]/g, '\\$&')
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const entities = (text: string): string => text.replace(/[&<>]/g, (one) => ENTITIES[one] as string)
