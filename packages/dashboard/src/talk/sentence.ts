// An event of a task as a sentence. A type that is not here is told by its own name, so that nothing that happened is left out.
import type { RouteAnswer } from '@countersign/sdk'

export type RecordEntry = RouteAnswer<'GET /tasks/:id/record'>['data'][number]

const NOBODY_KNOWN = 'Somebody'

const SENTENCES: Record<string, (data: RecordEntry['data'], who: string) => string> = {
  'task.created': () => 'It was asked.',
  'task.routed': () => 'Whoever was named is asked.',
  'task.replayed': () => 'It was asked again under the same key.',
  'task.viewed': (_, who) => `${who} opened it for the first time.`,
  'task.updated': ({ fields }) => `Changed: ${list(fields)}.`,
  'task.claimed': (_, who) => `${who} took it on.`,
  'task.released': () => 'It was given back to all who were asked.',
  'task.reassigned': (_, who) => `${who} gave it to others.`,
  'task.delegated': () => 'Whoever was asked is away: another is asked in their place.',
  'task.unrouted': () => 'Nobody could be asked or told: the fallback pool has it.',
  'task.revealed': (_, who) => `${who} read its hidden parts.`,
  'task.notified': () => 'A notice went out.',
  'task.notice_failed': () => 'A notice did not get through.',
  'task.notice_resent': (_, who) => `${who} had a notice sent again.`,
  'task.reply_dropped': () => 'A reply by mail was not taken: nobody vouched for its sender, or a program wrote it.',
  'task.link_revoked': (_, who) => `${who} took a link back.`,
  'task.exported': (_, who) => `${who} exported its decision.`,
  'task.reminded': () => 'The people who can answer were reminded.',
  'task.escalated': ({ because }) =>
    because === 'quorum_unreachable'
      ? 'Those who were asked can no longer be enough: others are asked too.'
      : 'Nobody had answered: others are asked.',
  'task.comment_added': ({ audience }, who) => `${who} remarked${audience === 'humans' ? ', for humans only' : ''}.`,
  'task.sent_back': (_, who) => `${who} sent it back to the agent.`,
  'task.revised': ({ revision, voided }) => {
    const lost = voided === 1 ? '; 1 vote no longer counts' : Number(voided) > 1 ? `; ${voided} votes no longer count` : ''
    return `The agent revised it (revision ${revision})${lost}.`
  },
  'task.decision_recorded': (_, who) => `${who} voted.`,
  'task.vote_withdrawn': (_, who) => `${who} took a vote back.`,
  'task.votes_voided': () => 'What was voted on changed: the votes count no more.',
  'task.quorum_raised': () => 'The edited arguments want more people to agree.',
  'task.quorum_unreachable': () => 'Too few people are left who could agree.',
  'task.completed': ({ outcome, channel }, who) =>
    channel === 'timeout' || who === NOBODY_KNOWN
      ? `It was settled: ${outcome}${channel === 'timeout' ? ', by the deadline' : ''}.`
      : `${who} settled it: ${outcome}.`,
  'task.timed_out': () => 'Nobody answered in time.',
  'task.cancelled': ({ because }) => (because === 'erased' ? 'It was withdrawn, to be erased.' : 'It was withdrawn.'),
  'task.verifying': () => 'An answer was handed to its verifier.',
  'task.verified': ({ how }) =>
    how === 'accepted' ? 'Its verifier was not to be reached: the answer counts.' : 'Its verifier agreed.',
  'task.returned': ({ attempt, attempts }) => `An answer came back from its verifier (${attempt} of ${attempts}).`,
  'task.overridden': (_, who) => `${who} let the answer count without its verifier.`,
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

export const sentenceOf = ({ type, data }: Pick<RecordEntry, 'type' | 'data'>, who: string | null = null): string =>
  SENTENCES[type]?.(data, who ?? NOBODY_KNOWN) ??
  `${type.replace(/^[a-z]+\./, '').replaceAll('_', ' ')}.`.replace(/^./, (first) => first.toUpperCase())
