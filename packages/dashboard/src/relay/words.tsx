// What the pages of the relay share: the words and colours of states, reasons in words, and the act after which every page of the relay is read again. Shows nothing by itself.
import type { Card, ConnectionRequest, RelayGrant, ThreadLine, ThreadMessage } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { t } from '../text/t.ts'
import { Badge, type Tone } from '../ui/badge.tsx'

/** Lists of the relay follow what happens by reading again; a thread has a stream of its own. */
export const LIVE = { refetchInterval: 3_000 } as const

type ThreadLook = Pick<ThreadLine, 'state' | 'outcome'>
type Look = { word: string; tone: Tone }

const THREAD: Record<ThreadLine['state'], Look> = {
  awaiting_approval: { word: t('Waits for approval'), tone: 'warn' },
  queued: { word: t('Waits for the agent'), tone: 'info' },
  delivering: { word: t('Being delivered'), tone: 'info' },
  waiting_owner: { word: t('Agent at work'), tone: 'info' },
  waiting_caller: { word: t('Agent asks back'), tone: 'warn' },
  responded: { word: t('Answered'), tone: 'good' },
  closed: { word: t('Closed'), tone: 'quiet' },
  failed: { word: t('Failed'), tone: 'bad' },
  rejected: { word: t('Rejected'), tone: 'bad' },
  revoked: { word: t('Revoked'), tone: 'bad' },
  expired: { word: t('Expired'), tone: 'quiet' },
}
export const THREAD_STATES = Object.keys(THREAD) as ThreadLine['state'][]
export const OPEN_STATES = THREAD_STATES.slice(0, 6)
export const isOpen = ({ state }: Pick<ThreadLine, 'state'>): boolean => OPEN_STATES.includes(state)

const lookOf = ({ state, outcome }: ThreadLook): Look =>
  state === 'closed' && outcome === 'completed'
    ? { word: t('Completed'), tone: 'good' }
    : state === 'closed' && outcome === 'canceled'
      ? { word: t('Canceled'), tone: 'quiet' }
      : THREAD[state]
export const threadWord = (state: ThreadLine['state']): string => THREAD[state].word

export function ThreadBadge({ thread }: { thread: ThreadLook }) {
  const { word, tone } = lookOf(thread)
  return <Badge tone={tone}>{word}</Badge>
}

const REASONS: Record<NonNullable<ThreadLine['reason']>, string> = {
  progress: t('The agent told how far it is.'),
  reply_held: t('An answer waits for approval.'),
  asked: t('The agent asked back.'),
  responded: t('The agent answered; more can be said.'),
  completed: t('The work was done.'),
  closed_by_caller: t('The calling side closed it.'),
  closed_by_owner: t('The side of the agent closed it.'),
  agent_error: t('The agent could not do it.'),
  delivery_exhausted: t('The message could not be delivered.'),
  outcome_unknown: t('Nobody knows whether the agent took the message: a person decides.'),
  reply_refused: t('The answer was not let through.'),
  deadline_passed: t('Its time was over.'),
  no_answer: t('Nobody answered in time.'),
  approval_denied: t('A person said no.'),
  approval_timeout: t('Nobody approved it in time.'),
  policy_denied: t('A policy forbids it.'),
  agent_rejected: t('The agent does not want to do it.'),
  grant_revoked: t('The relay grant was revoked.'),
  grant_expired: t('The time of the relay grant was over.'),
}
export const reasonOf = (reason: ThreadLine['reason']): string | null => (reason === null ? null : REASONS[reason])

const MESSAGE: Record<ThreadMessage['state'], Look> = {
  held: { word: t('held for approval'), tone: 'warn' },
  queued: { word: t('waits to be taken'), tone: 'info' },
  delivering: { word: t('being delivered'), tone: 'info' },
  delivered: { word: t('delivered'), tone: 'quiet' },
  exhausted: { word: t('not deliverable'), tone: 'bad' },
  withdrawn: { word: t('withdrawn'), tone: 'quiet' },
  refused: { word: t('refused'), tone: 'bad' },
}
export const MessageBadge = ({ state }: Pick<ThreadMessage, 'state'>) => (
  <Badge tone={MESSAGE[state].tone}>{MESSAGE[state].word}</Badge>
)
export const messageWord = (state: string): string => (MESSAGE as Record<string, Look | undefined>)[state]?.word ?? state

const GRANT: Record<RelayGrant['state'], Look> = {
  active: { word: t('In force'), tone: 'good' },
  revoked: { word: t('Revoked'), tone: 'quiet' },
  expired: { word: t('Over'), tone: 'quiet' },
}
export const GRANT_STATES = Object.keys(GRANT) as RelayGrant['state'][]
export const grantWord = (state: RelayGrant['state']): string => GRANT[state].word
/** One whose time is over opens nothing, settled or not. */
export const stateOf = (grant: Pick<RelayGrant, 'state' | 'is_expired'>): RelayGrant['state'] =>
  grant.state === 'active' && grant.is_expired ? 'expired' : grant.state
export const RelayGrantBadge = ({ grant }: { grant: Pick<RelayGrant, 'state' | 'is_expired'> }) => (
  <Badge tone={GRANT[stateOf(grant)].tone}>{GRANT[stateOf(grant)].word}</Badge>
)

const REQUEST: Record<ConnectionRequest['state'], Look> = {
  pending: { word: t('Waits for an answer'), tone: 'warn' },
  approved: { word: t('Approved'), tone: 'good' },
  denied: { word: t('Denied'), tone: 'bad' },
  withdrawn: { word: t('Withdrawn'), tone: 'quiet' },
  expired: { word: t('Expired'), tone: 'quiet' },
}
export const REQUEST_STATES = Object.keys(REQUEST) as ConnectionRequest['state'][]
export const requestWord = (state: ConnectionRequest['state']): string => REQUEST[state].word
export const RequestBadge = ({ state }: Pick<ConnectionRequest, 'state'>) => (
  <Badge tone={REQUEST[state].tone}>{REQUEST[state].word}</Badge>
)

/** Agreed to, and nobody has the token yet. */
export const isCollectable = ({ side, state, issue, token_issued_at }: ConnectionRequest): boolean =>
  side === 'caller' && state === 'approved' && issue === 'on_collect' && token_issued_at === null

const CARD: Record<Card['state'], Look> = {
  active: { word: t('In use'), tone: 'good' },
  paused: { word: t('Paused'), tone: 'warn' },
  retired: { word: t('Retired'), tone: 'quiet' },
}
export const CardBadge = ({ card }: { card: Pick<Card, 'state'> }) => (
  <Badge tone={CARD[card.state].tone}>{CARD[card.state].word}</Badge>
)

const LISTING: Record<Card['listing'], Look> = {
  direct_link_only: { word: t('Found by its address alone'), tone: 'quiet' },
  submitted: { word: t('Handed in for the listing'), tone: 'info' },
  listed: { word: t('Listed'), tone: 'good' },
  rejected: { word: t('Not listed'), tone: 'warn' },
}
export const ListingBadge = ({ card }: { card: Pick<Card, 'listing' | 'pending_version'> }) => (
  <>
    <Badge tone={LISTING[card.listing].tone}>{LISTING[card.listing].word}</Badge>
    {card.listing === 'listed' && card.pending_version !== null && (
      <Badge tone="info">{t('Version {version} waits for its review', { version: card.pending_version })}</Badge>
    )}
  </>
)

const VISIBILITY: Record<Card['visibility'], string> = {
  public: t('Everybody'),
  members: t('Whoever is signed in here'),
  grant_holders: t('Whoever has a relay grant'),
}
export const visibilityWord = (visibility: Card['visibility']): string => VISIBILITY[visibility]

/** An act of the relay: afterwards every page of it is read again. */
export function useRelayAct<T, A>(act: (given: A) => Promise<T>, done?: (answer: T) => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: done,
    onSettled: () => queries.invalidateQueries({ queryKey: ['relay'] }),
  })
}
