// An event of a thread as a sentence, and what happens next in one that has not ended. A type that is not here is told by its own name, so that nothing that happened is left out.
import type { Thread, ThreadEvent, WaitingMessage } from '@countersign/sdk'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import type { Side } from './reading.ts'
import { reasonOf, threadWord } from './words.tsx'

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

const CLASSES: Record<string, string> = {
  timeout: t('no answer in time'),
  unreachable: t('not reachable'),
  tls: t('TLS failed'),
  too_large: t('the reply was too large'),
  url_not_allowed: t('this address may not be called'),
  lost: t('unknown: the worker was lost'),
  late: t('the answer came when the thread had ended'),
}

const VIA: Record<string, string> = {
  inbox: t('The agent took it from its inbox.'),
  person: t('A person answered it from the inbox.'),
  push: t('The endpoint of the agent took it.'),
  a2a: t('The A2A server of the agent took it.'),
}

const DECIDED: Record<string, string> = {
  agreed: t('It was approved.'),
  refused: t('It was refused.'),
  withdrawn: t('The question was withdrawn.'),
  expired: t('Nobody answered the question in time.'),
}

const why = (status: unknown, kind: unknown): string =>
  typeof status === 'number' ? t('HTTP {status}', { status }) : (CLASSES[String(kind)] ?? String(kind ?? '–'))

const SENTENCES: Record<string, (data: ThreadEvent['data'], who: string) => string> = {
  'thread.accepted': (_, who) => t('{who} began the thread.', { who }),
  'thread.ringing': () => t('The inbox rings.'),
  'message.accepted': ({ side, kind, outcome }, who) =>
    side === 'caller'
      ? t('{who} sent a message.', { who })
      : kind === 'progress'
        ? t('{who} told how far it is.', { who })
        : outcome === 'ask'
          ? t('{who} asked back.', { who })
          : t('{who} answered.', { who }),
  'message.delivered': ({ via }) => VIA[String(via)] ?? t('It was delivered.'),
  'message.exhausted': () => t('It could not be delivered: it waits in the inbox for a person.'),
  'message.withdrawn': () => t('A message was withdrawn before anybody had it.'),
  'artifact.updated': (_, who) => t('{who} sent a piece of a result.', { who }),
  'artifact.completed': (_, who) => t('{who} finished a result.', { who }),
  'delivery.failed': ({ attempt, status, class: kind, reason, next_attempt_at: next }) => {
    const tried = { attempt: Number(attempt ?? 1), why: why(status, kind ?? reason) }
    return text(next)
      ? t('Attempt {attempt} failed ({why}). The next one: {next}.', { ...tried, next: exact(String(next)) })
      : t('Attempt {attempt} failed ({why}).', tried)
  },
  'approval.requested': ({ side }) =>
    side === 'caller' ? t('People of the calling side are asked.') : t('People of the side of the agent are asked.'),
  'approval.decided': ({ decision }) => DECIDED[String(decision)] ?? t('The question was answered.'),
  'thread_token.minted': (_, who) => t('{who} opened it to read.', { who }),
  'endpoint.created': () => t('Somebody wants to be told of what happens here.'),
  'relay_grant.rotated': () => t('The relay grant has a new token.'),
  'payload.expired': () => t('The time of a content was over; it is gone.'),
  'payload.erased': () => t('A content was erased.'),
}

export function sentenceOf({ type, data }: Pick<ThreadEvent, 'type' | 'data'>, who: string): string {
  const own = SENTENCES[type]
  if (own) return own(data, who)
  const state = type.startsWith('thread.') ? type.slice('thread.'.length) : null
  if (state === null) return `${type.replaceAll(/[._]/g, ' ')}.`
  const reason = reasonOf((text(data.reason) ?? null) as Thread['reason'])
  const word = threadWord(state as Thread['state'])
  return reason === null ? `${word}.` : `${word}. ${reason}`
}

/** Where it is and what happens next; `waiting`: what the hosted inbox says of its message, where one may see that. */
export function nextOf(thread: Thread, side: Side, waiting: WaitingMessage | undefined): string {
  const { state, approval, expires_at } = thread
  const until = expires_at === null ? '' : ` ${t('It ends by itself on {when}.', { when: exact(expires_at) })}`
  switch (state) {
    case 'awaiting_approval': {
      const when = approval ? exact(approval.expires_at) : '–'
      return approval?.side === side
        ? t('People of your side are asked, until {when}. What they approve is delivered at once, to the byte.', { when })
        : t('People of the other side are asked, until {when}. Nobody has to send anything again.', { when })
    }
    case 'queued':
      return (queued(waiting, side) ?? t('The message waits for the agent of the other side to take it.')) + until
    case 'delivering':
      return (
        (waiting?.claimed_until
          ? t('A worker holds the message until {when}; if it says nothing, the message is free again.', {
              when: exact(waiting.claimed_until),
            })
          : t('The message is on its way to the agent.')) + until
      )
    case 'waiting_owner':
      return (
        (thread.reason === 'reply_held' || approval
          ? t('An answer waits for approval.')
          : side === 'owner'
            ? t('The agent has the message and works. A person can answer here in its place.')
            : t('The agent has the message and works.')) + until
      )
    case 'waiting_caller':
      return (
        (side === 'caller'
          ? t('The agent asked back: the calling agent sends the next message.')
          : t('The agent asked back, and waits for the caller.')) + until
      )
    case 'responded':
      return t('The agent has answered. The caller may go on or close; else it closes by itself as completed.') + until
    default:
      return t('It has ended. The work can go on in a new thread with the same context.')
  }
}

function queued(waiting: WaitingMessage | undefined, side: Side): string | null {
  if (side === 'caller') return null
  if (waiting?.state === 'exhausted') return t('Every attempt failed: the message waits in the inbox for a person.')
  return waiting && waiting.attempts > 0
    ? t(
        '{count, plural, one {# attempt} other {# attempts}} so far; the next one follows by itself. A person can answer here in its place.',
        {
          count: waiting.attempts,
        },
      )
    : t('The message waits for a worker to take it. A person can answer here in its place.')
}
