// What a model is told when a person did not let a call run as it was proposed: a structured result, so that it goes on and does not guess.

import type { Verdict } from '../action.ts'

const NO_OTHER_WAY = 'A person decided this. Do not try to reach the same end in another way.'

/** The result of a tool whose call was not run. */
export type NotRun =
  | { status: 'denied'; reason: string | null; note: string }
  | { status: 'skipped'; reason: string | null; note: string }
  | { status: 'answered'; response: unknown; note: string }

/** Null when the call is to run. */
export function notRun(verdict: Verdict<unknown>): NotRun | null {
  if (verdict.type === 'deny') return { status: 'denied', reason: verdict.reason, note: NO_OTHER_WAY }
  if (verdict.type === 'ignore')
    return { status: 'skipped', reason: verdict.reason, note: 'A person chose that nothing is done about this.' }
  if (verdict.type === 'respond')
    return { status: 'answered', response: verdict.response, note: 'Not run: a person answered instead.' }
  return null
}

/** The same as one sentence, for frameworks that take text alone. */
export function refusalText(told: NotRun): string {
  if (told.status === 'answered') return `${told.note} They said: ${textOf(told.response)}`
  return told.reason ? `${told.note} Their reason: ${told.reason}` : told.note
}

function textOf(response: unknown): string {
  const message = (response as { message?: unknown } | null)?.message
  return typeof message === 'string' ? message : JSON.stringify(response)
}
