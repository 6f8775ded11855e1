// How a task can be answered in Slack (T85, T116): in a modal, by two buttons, or on its page, and why. The rule itself is the form's; here it only meets the task.
import { answerable, buttonsOf, type Form, formOf } from '@countersign/sdk/form'
import { canonical } from '../../../crypto/canonical.ts'
import type { Task } from '../../wire.ts'
import type { Means, Shown } from '../channel.ts'
import { at } from './read.ts'

export const formOfTask = (task: Task): Form => formOf(task.response_schema, task.form_definition)

/** The answers of one press; null where the question takes more than a yes or a no. */
export type Presses = { approve: Press; deny: Press }
export type Press = { label: string; response: Record<string, unknown> }

export function pressesOf(task: Task, form: Form): Presses | null {
  const { verdict } = task
  const buttons = verdict === null ? null : buttonsOf(form)
  if (verdict === null || buttons?.length !== 2) return null
  const says = (press: Press, values: readonly unknown[]): boolean => {
    const value = at(
      press.response,
      ...verdict.pointer
        .split('/')
        .slice(1)
        .map((one) => one.replaceAll('~1', '/').replaceAll('~0', '~')),
    )
    return value !== undefined && values.some((one) => canonical(one) === canonical(value))
  }
  const approve = buttons.find((press) => says(press, verdict.approve))
  const deny = buttons.find((press) => says(press, verdict.deny))
  return approve && deny && approve !== deny ? { approve, deny } : null
}

export type HowTo = Means & { presses: Presses | null }

export function howTo({ task }: Pick<Shown, 'task'>): HowTo {
  const form = formOfTask(task)
  const { redact } = task
  const level = typeof redact === 'string' ? redact : (redact as { level: 'none' | 'notify' | 'strict' }).level
  const action = at(task, 'action')
  const allow = at(action, 'allow')
  const can = answerable(form, 'slack', {
    risk: task.risk,
    redact: level,
    ...(at(task, 'assurance') ? { assurance: at(task, 'assurance') as 'link' } : {}),
    action: Array.isArray(allow) ? { allow: allow as string[] } : null,
  })
  if (can.by === 'link') return { means: 'link', why: can.why, presses: null }
  // What an agent proposes and a list of items are read and answered on the page: neither has fields.
  if (action ?? at(task, 'items')) return { means: 'link', why: 'What is proposed is read on its page.', presses: null }
  const presses = pressesOf(task, form)
  return { means: presses && form.fields.length === 1 ? 'buttons' : 'form', why: can.why, presses }
}
