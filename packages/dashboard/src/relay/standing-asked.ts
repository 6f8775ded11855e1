// What of a question about a message a standing permission is made of (relay.md R79): its relay grant, its skill and its facts, as the relay wrote them. Decides nothing.
import type { Task } from '@countersign/sdk'
import { Digits, plain, type Shown } from '../exact.ts'

export type StandingAsked = {
  grantId: string
  skill: string | null
  /** Numbers, digit for digit. */
  amounts: [name: string, text: string][]
  /** Everything else that a card reads out of a message. */
  others: [name: string, text: string][]
}

/** Null where it is no question about a message, was answered with no, or hides what it is about. */
export function standingAsked(task: Pick<Task, 'origin' | 'status' | 'outcome'>, payload: Shown): StandingAsked | null {
  const isStill = task.status === 'open' || task.outcome === 'accepted' || task.outcome === 'edited'
  if (task.origin !== 'relay' || !isStill || !(payload instanceof Map) || typeof payload.get('message_id') !== 'string')
    return null
  const [grant, context] = [payload.get('relay_grant'), payload.get('context')]
  const grantId = grant instanceof Map ? grant.get('id') : null
  if (typeof grantId !== 'string' || !(context instanceof Map)) return null
  const [skill, facts] = [context.get('skill'), context.get('facts')]
  const all = facts instanceof Map ? [...facts] : []
  return {
    grantId,
    skill: typeof skill === 'string' && skill !== '' ? skill : null,
    amounts: all.flatMap(([name, value]) => (value instanceof Digits ? [[name, value.text]] : [])),
    others: all.flatMap(([name, value]) => (value instanceof Digits ? [] : [[name, String(plain(value))]])),
  }
}
