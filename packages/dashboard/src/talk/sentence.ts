// An event of a task as a sentence. A type that is not here is told by its own name, so that nothing that happened is left out.
import type { RouteAnswer } from '@countersign/sdk'

export type RecordEntry = RouteAnswer<'GET /tasks/:id/record'>['data'][number]

const SENTENCES: Record<string, (data: RecordEntry['data']) => string> = {
  'task.created': () => 'It was asked.',
  'task.routed': () => 'Whoever was named is asked.',
  'task.replayed': () => 'It was asked again under the same key.',
  'task.viewed': () => 'Somebody opened it for the first time.',
  'task.updated': ({ fields }) => `Changed: ${list(fields)}.`,
  'task.claimed': () => 'Somebody took it on.',
  'task.released': () => 'It was given back to all who were asked.',
  'task.reminded': () => 'The people who can answer were reminded.',
  'task.escalated': ({ because }) =>
    because === 'quorum_unreachable'
      ? 'Those who were asked can no longer be enough: others are asked too.'
      : 'Nobody had answered: others are asked.',
  'task.comment_added': ({ audience }) => (audience === 'humans' ? 'Somebody remarked, for humans only.' : 'Somebody remarked.'),
  'task.sent_back': () => 'It was sent back to the agent.',
  'task.revised': ({ revision, voided }) => {
    const lost = voided === 1 ? '; 1 vote no longer counts' : Number(voided) > 1 ? `; ${voided} votes no longer count` : ''
    return `The agent revised it (revision ${revision})${lost}.`
  },
  'task.decision_recorded': () => 'A vote was recorded.',
  'task.completed': ({ outcome, channel }) => `It was settled: ${outcome}${channel === 'timeout' ? ', by the deadline' : ''}.`,
  'task.timed_out': () => 'Nobody answered in time.',
  'task.cancelled': ({ because }) => (because === 'erased' ? 'It was withdrawn, to be erased.' : 'It was withdrawn.'),
  'task.verifying': () => 'An answer was handed to its verifier.',
  'task.verified': ({ how }) =>
    how === 'accepted' ? 'Its verifier was not to be reached: the answer counts.' : 'Its verifier agreed.',
  'task.returned': ({ attempt, attempts }) => `An answer came back from its verifier (${attempt} of ${attempts}).`,
  'task.overridden': () => 'Somebody let the answer count without its verifier.',
  'task.verifier_unavailable': () => 'The verifier gave no verdict after several tries.',
  'task.verification_skipped': () => 'No model checks the answer: the task hides its content.',
  'task.verification_exhausted': () => 'Its answers were refused too often.',
  'task.outcome_reported': ({ status }) => `The agent told what became of it: ${status}.`,
  'task.outcome_missing': () => 'The agent did not tell in time what became of it.',
  'task.replay_mismatch': () => 'The same key came with other content.',
  'task.callback_delivered': () => 'The callback address took the result.',
  'task.callback_failed': () => 'The callback address did not take the result.',
  'task.erased': ({ because }) =>
    because === 'retention' ? 'Its content was erased, its time was over.' : 'Its content was erased.',
}

const list = (names: unknown): string => (Array.isArray(names) ? names.join(', ').replaceAll('_', ' ') : 'something')

export const sentenceOf = ({ type, data }: Pick<RecordEntry, 'type' | 'data'>): string =>
  SENTENCES[type]?.(data) ??
  `${type.replace(/^[a-z]+\./, '').replaceAll('_', ' ')}.`.replace(/^./, (first) => first.toUpperCase())
