// What a person in Slack is told when something was not done: a sentence for each refusal, with nothing of the task in it, so that it may wait in a job.
import { Problem } from '@countersign/sdk'

const WORDS: Record<string, string> = {
  task_not_open: 'This was settled already. Nothing has changed.',
  task_verifying: 'An answer is being checked right now. Nothing has changed.',
  task_already_claimed: 'Somebody else holds this. Nothing has changed.',
  already_decided: 'You have decided this already.',
  task_revised: 'The question has changed since this message was sent. Look at it again, then decide.',
  not_eligible: 'This was asked of somebody else. Nothing has changed.',
  separation_of_duties: 'You are on the side of who asks here, so somebody else has to decide.',
  not_found: 'This question is not there any more.',
  response_invalid: 'This answer does not fit the question. Open it and answer there.',
  step_up_required: 'This needs you to be signed in, with a fresh proof that it is you. Open it and decide there.',
  content_erased: 'The content of this question was erased.',
}
export const UNLINKED = 'unlinked'
export const UNKNOWN_ACT = 'This button does nothing any more. Nothing has changed.'
export const NOT_ACCEPTED = 'Your answer was not accepted. The message now has a button that says why and lets you answer again.'
export const FORM_CHANGED = 'The form has changed since you opened it. Open it again.'
export const NOT_HERE = 'This cannot be answered here. Open it and answer there.'

/** Throws what is no refusal: that is our own affair. */
export function explain(error: unknown): string {
  if (!(error instanceof Problem) || error.status >= 500) throw error
  return WORDS[error.code] ?? `${error.title}. Nothing has changed.`
}
