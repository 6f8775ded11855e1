// An event of a task as a sentence. A type that is not here is told by its own name, so that nothing that happened is left out.
import type { RouteAnswer } from '@countersign/sdk'
import { t } from '../text/t.ts'

export type RecordEntry = RouteAnswer<'GET /tasks/:id/record'>['data'][number]

const NOBODY_KNOWN = t('Somebody')

const SENTENCES: Record<string, (data: RecordEntry['data'], who: string) => string> = {
  'task.created': () => t('It was asked.'),
  'task.routed': () => t('Whoever was named is asked.'),
  'task.replayed': () => t('It was asked again under the same key.'),
  'task.viewed': (_, who) => t('{who} opened it for the first time.', { who }),
  'task.updated': ({ fields }) => t('Changed: {fields}.', { fields: list(fields) }),
  'task.claimed': (_, who) => t('{who} took it on.', { who }),
  'task.released': () => t('It was given back to all who were asked.'),
  'task.reassigned': (_, who) => t('{who} gave it to others.', { who }),
  'task.delegated': () => t('Whoever was asked is away: another is asked in their place.'),
  'task.unrouted': () => t('Nobody could be asked or told: the fallback pool has it.'),
  'task.revealed': (_, who) => t('{who} read its hidden parts.', { who }),
  'task.notified': () => t('A notice went out.'),
  'task.notice_failed': () => t('A notice did not get through.'),
  'task.notice_resent': (_, who) => t('{who} had a notice sent again.', { who }),
  'task.reply_dropped': () => t('A reply by mail was not taken: nobody vouched for its sender, or a program wrote it.'),
  'task.link_revoked': (_, who) => t('{who} took a link back.', { who }),
  'task.exported': (_, who) => t('{who} exported its decision.', { who }),
  'task.reminded': () => t('The people who can answer were reminded.'),
  'task.escalated': ({ because }) =>
    because === 'quorum_unreachable'
      ? t('Those who were asked can no longer be enough: others are asked too.')
      : t('Nobody had answered: others are asked.'),
  'task.comment_added': ({ audience }, who) =>
    audience === 'humans' ? t('{who} remarked, for humans only.', { who }) : t('{who} remarked.', { who }),
  'task.sent_back': (_, who) => t('{who} sent it back to the agent.', { who }),
  'task.revised': ({ revision, voided }) => {
    const counted = { revision: String(revision), voided: Number(voided) }
    return counted.voided > 0
      ? t(
          'The agent revised it (revision {revision}); {voided, plural, one {{voided} vote no longer counts} other {{voided} votes no longer count}}.',
          counted,
        )
      : t('The agent revised it (revision {revision}).', counted)
  },
  'task.decision_recorded': (_, who) => t('{who} voted.', { who }),
  'task.vote_withdrawn': (_, who) => t('{who} took a vote back.', { who }),
  'task.votes_voided': () => t('What was voted on changed: the votes count no more.'),
  'task.quorum_raised': () => t('The edited arguments want more people to agree.'),
  'task.quorum_unreachable': () => t('Too few people are left who could agree.'),
  'task.completed': ({ outcome, channel }, who) =>
    channel === 'timeout' || who === NOBODY_KNOWN
      ? channel === 'timeout'
        ? t('It was settled: {outcome}, by the deadline.', { outcome: String(outcome) })
        : t('It was settled: {outcome}.', { outcome: String(outcome) })
      : t('{who} settled it: {outcome}.', { who, outcome: String(outcome) }),
  'task.timed_out': () => t('Nobody answered in time.'),
  'task.cancelled': ({ because }) => (because === 'erased' ? t('It was withdrawn, to be erased.') : t('It was withdrawn.')),
  'task.verifying': () => t('An answer was handed to its verifier.'),
  'task.verified': ({ how }) =>
    how === 'accepted' ? t('Its verifier was not to be reached: the answer counts.') : t('Its verifier agreed.'),
  'task.returned': ({ attempt, attempts }) =>
    t('An answer came back from its verifier ({attempt} of {attempts}).', {
      attempt: String(attempt),
      attempts: String(attempts),
    }),
  'task.overridden': (_, who) => t('{who} let the answer count without its verifier.', { who }),
  'task.verifier_unavailable': () => t('The verifier gave no verdict after several tries.'),
  'task.verification_skipped': () => t('No model checks the answer: the task hides its content.'),
  'task.verification_exhausted': () => t('Its answers were refused too often.'),
  'task.outcome_reported': ({ status }) => t('The agent told what became of it: {status}.', { status: String(status) }),
  'task.outcome_missing': () => t('The agent did not tell in time what became of it.'),
  'task.replay_mismatch': () => t('The same key came with other content.'),
  'task.callback_delivered': () => t('The callback address took the result.'),
  'task.callback_failed': () => t('The callback address did not take the result.'),
  'task.erased': ({ because }) =>
    because === 'retention' ? t('Its content was erased, its time was over.') : t('Its content was erased.'),
}

const list = (names: unknown): string => (Array.isArray(names) ? names.join(', ').replaceAll('_', ' ') : t('something'))

export const sentenceOf = ({ type, data }: Pick<RecordEntry, 'type' | 'data'>, who: string | null = null): string =>
  SENTENCES[type]?.(data, who ?? NOBODY_KNOWN) ??
  `${type.replace(/^[a-z]+\./, '').replaceAll('_', ' ')}.`.replace(/^./, (first) => first.toUpperCase())
