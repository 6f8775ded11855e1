// What a mail about a task says (T108): plain text and HTML of the same words, every value cut at 300 characters with the count of what is missing, nothing of the
// content under redaction. What an agent wrote is text: never markup, never a header, its hidden characters shown as marks.
import { writeJson } from '../../../http/json.ts'
import type { Task } from '../../wire.ts'
import type { Notice, Shown } from '../channel.ts'
import { type Choice, levelOf } from '../choices.ts'

export type Words = { subject: string; text: string; html: string }
export type Button = { label: string; url: string; tone: Choice['tone'] }

const CUT = 300
const MOST_ROWS = 25
const TITLE = 150

type Told = {
  notice: Pick<Notice, 'purpose'>
  shown: Shown
  buttons: readonly Button[]
  /** The page with the whole question. */
  reviewUrl: string
  /** Why there are no buttons. */
  why: string | null
  canReply: boolean
  isFollowUp: boolean
}

type Row = { name: string; value: string }

export function taskMail(told: Told): Words {
  const { shown, buttons, reviewUrl, why } = told
  const { task } = shown
  const level = levelOf(task)
  const isSecret = level === 'strict'
  const title = isSecret ? 'A task waits' : lineOf(task.task, TITLE)
  const lead = leadOf(told)
  const question = isSecret ? 'A task waits for you. Open it to see what it is about.' : cut(task.task)
  const rows = level === 'none' ? [...refusalOf(told), ...contentOf(task)] : []
  const facts = [`Answer by ${timeOf(task.deadline_at)}.`, `If nobody answers: ${atDeadline(task)}.`]
  const notes = [
    ...(level === 'none' ? [] : ['What it is about is not shown in mail.']),
    ...(buttons.length === 0 && why ? [why] : []),
    ...(told.canReply ? ['A reply to this mail becomes a comment on the task.'] : []),
  ]
  const subject = `${told.isFollowUp ? 'Re: ' : ''}[${task.priority}] ${title}`
  const text = [
    lead,
    '',
    question,
    '',
    ...rows.map(({ name, value }) => `${name}: ${value}`),
    ...(rows.length > 0 ? [''] : []),
    ...facts,
    '',
    ...buttons.flatMap(({ label, url }) => [`${marked(label)}:`, url, '']),
    buttons.length > 0 ? 'See the whole question, or answer otherwise:' : 'Open it and answer:',
    reviewUrl,
    '',
    ...notes,
    'Opening a link decides nothing: the page asks you once more.',
  ]
  return { subject, text: `${text.join('\n').trim()}\n`, html: page({ lead, question, rows, facts, buttons, reviewUrl, notes }) }
}

function leadOf({ notice, shown }: Told): string {
  const who = levelOf(shown.task) === 'strict' ? 'An agent' : lineOf(shown.askedBy, 200)
  const forWhom =
    shown.task.on_behalf_of && levelOf(shown.task) !== 'strict' ? ` for ${lineOf(shown.task.on_behalf_of, 200)}` : ''
  const asks: Record<Notice['purpose'], string> = {
    asked: `${who} asks you${forWhom}:`,
    reminder: `${who} still waits for your answer${forWhom}:`,
    escalated: `Nobody answered in time, so ${who} asks you${forWhom}:`,
    returned: `Your answer came back and needs another look. ${who} asks${forWhom}:`,
    revised: `${who} changed the question. Earlier answers do not count any more. It asks now${forWhom}:`,
    digest: `${who} asks you${forWhom}, and it is not the only one who waits:`,
  }
  return asks[notice.purpose]
}

/** Why the last answer came back (T132), where this mail is about that. */
function refusalOf({ notice, shown }: Told): Row[] {
  if (notice.purpose !== 'returned') return []
  const result = shown.task.verifier_result as {
    passed?: unknown
    reason?: unknown
    field_errors?: unknown
    parsed_response?: object
  } | null
  const reason = typeof result?.reason === 'string' ? [{ name: 'Why', value: cut(result.reason) }] : []
  const said = Array.isArray(result?.field_errors) ? (result.field_errors as { path: string; message: string }[]) : []
  const fields = said.slice(0, MOST_ROWS).map(({ path, message }) => ({
    name: lineOf(path.replace(/^\/response\/?/, '') || 'Your answer', 100),
    value: cut(message),
  }))
  // What was understood of their own words, for them to confirm (T131).
  const understood = result?.passed === true ? Object.entries(result.parsed_response ?? {}) : []
  return [...reason, ...fields, ...understood.slice(0, MOST_ROWS).map(([name, value]) => rowOf(name, value))]
}

function contentOf(task: Task): Row[] {
  const about =
    typeof task.description === 'string' && task.description !== '' ? [{ name: 'Background', value: cut(task.description) }] : []
  const payload = task.payload as Record<string, unknown> | null
  const rows = payload && !isMasked(payload) ? Object.entries(payload).map(([name, value]) => rowOf(name, value)) : []
  const shown = rows.slice(0, MOST_ROWS)
  const left = rows.length - shown.length
  return [
    ...about,
    ...shown,
    ...(left > 0 ? [{ name: '…', value: `${left} more ${left === 1 ? 'entry' : 'entries'} not shown` }] : []),
  ]
}

const rowOf = (name: string, value: unknown): Row => ({
  name: lineOf(name, 100),
  value: isMasked(value) ? 'hidden' : cut(typeof value === 'string' ? value : writeJson(value)),
})

const isMasked = (value: unknown): boolean => typeof value === 'object' && value !== null && '_redacted' in value

function atDeadline(task: Task): string {
  if (task.on_timeout === 'deny') return 'it counts as a no'
  if (typeof task.on_timeout === 'object' && task.on_timeout !== null && 'default' in task.on_timeout)
    return levelOf(task) === 'none'
      ? `the agent gets ${cut(writeJson(task.on_timeout.default))}`
      : 'the agent gets an answer that was set beforehand'
  return task.on_timeout === 'time_out' ? 'the agent is told so' : 'others are asked'
}

/** The first 300 characters, and how many are missing. */
function cut(text: string): string {
  const characters = [...text]
  const kept = marked(characters.slice(0, CUT).join(''))
  const left = characters.length - CUT
  return left > 0 ? `${kept}… (${left.toLocaleString('en')} more ${left === 1 ? 'character' : 'characters'})` : kept
}

const lineOf = (text: string, most: number): string => {
  const line = marked(text.replace(/\s+/g, ' ').trim())
  const characters = [...line]
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : line
}

// What turns the direction of writing, joins or hides, and what no line of text has: shown, so that nothing reads as what it is not (T86).
const HIDDEN = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u061c\u00ad]|[\u{e0000}-\u{e007f}]|(?![\n\t])\p{Cc}/gu
const marked = (text: string): string =>
  text.replace(HIDDEN, (one) => `[U+${(one.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}]`)

const timeOf = (time: Date | string): string =>
  `${new Date(time).toLocaleString('en-GB', { dateStyle: 'full', timeStyle: 'short', timeZone: 'UTC' })} UTC`

export const testMail = ({ displayName, code, origin }: { displayName: string; code: string; origin: string }): Words => {
  const name = lineOf(displayName, 200)
  const lines = [
    `This is a test of the mail identity “${name}” of ${origin}.`,
    'If it arrived, confirm it: type this code where you asked for the test.',
  ]
  return {
    subject: `Test of ${name}`,
    text: `${lines.join('\n\n')}\n\n${code}\n\nIt is good for one hour. If you did not ask for it, there is nothing to do.\n`,
    html: shell(
      `${lines.map((line) => `<p>${escaped(line)}</p>`).join('')}<p style="font:600 22px monospace">${escaped(code)}</p>`,
    ),
  }
}

/** Many tasks in one mail: which, and where they are (T102). */
export function digestMail({ digest, url }: { digest: NonNullable<Notice['digest']>; url: string }): Words {
  const lead = `${digest.tasks} more ${digest.tasks === 1 ? 'question waits' : 'questions wait'} for you.`
  const titles = digest.titles.slice(0, MOST_ROWS).map((title) => lineOf(title, TITLE))
  const left = digest.tasks - titles.length
  const lines = [...titles, ...(left > 0 ? [`… and ${left} more`] : [])]
  return {
    subject: lead,
    text: `${[lead, '', ...lines.map((line) => `- ${line}`), '', 'Open your inbox:', url].join('\n')}\n`,
    html: shell(
      `<p>${escaped(lead)}</p><ul>${lines.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul><p>${button({ label: 'Open your inbox', url, tone: 'plain' })}</p>`,
    ),
  }
}

/** One sentence to the person behind a mail. */
export const wordMail = ({ message, url }: { message: string; url: string }): Words => ({
  subject: 'Re: A question you were asked',
  text: `${marked(message)}\n\n${url}\n`,
  html: shell(`<p>${escaped(marked(message))}</p><p><a href="${escaped(url)}">Open the task</a></p>`),
})

/** A letter of the platform: a few sentences and one link. */
export const platformMail = ({
  subject,
  lines,
  url,
  act,
}: {
  subject: string
  lines: string[]
  url: string
  act: string
}): Words => ({
  subject: lineOf(subject, TITLE),
  text: `${lines.map(marked).join('\n\n')}\n\n${act}:\n${url}\n`,
  html: shell(
    `${lines.map((line) => `<p>${escaped(marked(line))}</p>`).join('')}<p>${button({ label: act, url, tone: 'plain' })}</p>`,
  ),
})

type Page = Omit<Told, 'notice' | 'shown' | 'why' | 'canReply' | 'isFollowUp'> & {
  lead: string
  question: string
  rows: Row[]
  facts: string[]
  notes: string[]
}

function page({ lead, question, rows, facts, buttons, reviewUrl, notes }: Page): string {
  const table = rows.map(
    ({ name, value }) =>
      `<tr><td style="padding:4px 16px 4px 0;color:#5b5e61;vertical-align:top">${escaped(name)}</td><td style="padding:4px 0;white-space:pre-wrap">${escaped(value)}</td></tr>`,
  )
  return shell(
    [
      `<p style="color:#5b5e61">${escaped(lead)}</p>`,
      `<p style="font-size:18px;font-weight:600;white-space:pre-wrap">${escaped(question)}</p>`,
      table.length > 0 ? `<table role="presentation" style="border-collapse:collapse">${table.join('')}</table>` : '',
      `<p style="color:#5b5e61">${facts.map(escaped).join('<br>')}</p>`,
      `<p>${[...buttons.map(button), button({ label: buttons.length > 0 ? 'See it all' : 'Open and answer', url: reviewUrl, tone: 'plain' })].join(' ')}</p>`,
      `<p style="color:#5b5e61;font-size:13px">${[...notes, 'Opening a link decides nothing: the page asks you once more.'].map(escaped).join('<br>')}</p>`,
    ].join('\n'),
  )
}

const TONES: Record<Choice['tone'], string> = {
  yes: 'background:#1f5f4a;color:#ffffff;border:1px solid #1f5f4a',
  no: 'background:#ffffff;color:#a32a22;border:1px solid #a32a22',
  plain: 'background:#ffffff;color:#1b1d1f;border:1px solid #8b8c84',
}

const button = ({ label, url, tone }: Button): string =>
  `<a href="${escaped(url)}" style="display:inline-block;margin:0 8px 8px 0;padding:10px 18px;border-radius:8px;text-decoration:none;${TONES[tone]}">${escaped(marked(label))}</a>`

const shell = (inner: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head><body style="margin:0;padding:24px;background:#ffffff;color:#1b1d1f;font:15px/1.5 system-ui,sans-serif"><div style="max-width:600px">\n${inner}\n</div></body></html>`

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replace(/[&<>"']/g, (one) => ENTITIES[one] as string)
