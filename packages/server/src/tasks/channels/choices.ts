// Which buttons a mail or message carries (T85, §4.4). The rule itself is the form's; here it only meets the task. Judges nothing: the server does, when the answer comes.
import { answerable, formOf } from '@countersign/sdk/form'
import { canonical } from '../../crypto/canonical.ts'
import type { LinkAnswer } from '../links/link.ts'
import type { Task } from '../wire.ts'

export type Choice = { label: string; answer: LinkAnswer; tone: 'yes' | 'no' | 'plain' }
/** `why`: what a person should know who finds no button, or not the whole form. */
export type Choices = { choices: Choice[]; why: string | null }

type Level = 'none' | 'notify' | 'strict'
type Read = { action?: { allow?: string[] } | null; items?: unknown; assurance?: 'link' | 'session' }

export const levelOf = ({ redact }: Pick<Task, 'redact'>): Level =>
  typeof redact === 'string' ? redact : (redact as { level: Level }).level

export function choicesOf(task: Task): Choices {
  const { action = null, items = null, assurance } = task as Read
  if (items !== null) return { choices: [], why: 'Several things are judged one by one, on the page.' }
  const form = formOf(task.response_schema, task.form_definition)
  const can = answerable(form, 'mail', {
    risk: task.risk,
    redact: levelOf(task),
    // It only raises what the risk asks for.
    ...(assurance && assurance !== 'link' ? { assurance } : {}),
    action: action?.allow ? { allow: action.allow } : null,
  })
  if (can.by !== 'buttons') return { choices: [], why: can.why }
  if (action) return { choices: VERDICTS, why: can.why }
  return { choices: can.buttons.map(({ label, response }) => choice(task, label, response)), why: can.why }
}

const VERDICTS: Choice[] = [
  { label: 'Accept', tone: 'yes', answer: { type: 'accept' } as unknown as LinkAnswer },
  { label: 'Deny', tone: 'no', answer: { type: 'deny' } as unknown as LinkAnswer },
]

function choice(task: Task, label: string, response: Record<string, unknown>): Choice {
  return { label, tone: toneOf(task, response), answer: { type: 'respond', response } as LinkAnswer }
}

function toneOf({ verdict }: Task, response: Record<string, unknown>): Choice['tone'] {
  if (verdict === null) return 'plain'
  const read = verdict as { pointer: string; approve: unknown[]; deny: unknown[] }
  const steps = read.pointer
    .split('/')
    .slice(1)
    .map((one) => one.replaceAll('~1', '/').replaceAll('~0', '~'))
  const value = steps.reduce<unknown>((node, name) => (node as Record<string, unknown> | undefined)?.[name], response)
  const says = (values: unknown[]) => value !== undefined && values.some((one) => canonical(one) === canonical(value))
  return says(read.approve) ? 'yes' : says(read.deny) ? 'no' : 'plain'
}
