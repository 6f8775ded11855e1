// One thread (relay.md R128): the conversation of both sides, results, every event and attempt, where it is and what happens next, live; and, for who may, an answer and its end.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { More } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { AgentText } from '../ui/content.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { Artifacts, Conversation } from './conversation.tsx'
import { isYetToBegin, type LiveState, type Reader, type Side, useThread } from './reading.ts'
import { callWord, Ringing, rings, ringsNext, ringsUntil } from './ringing.tsx'
import { nextOf } from './story.ts'
import { ThreadAnswer } from './thread-answer.tsx'
import { ThreadTimeline } from './thread-timeline.tsx'
import { isOpen, LIVE, reasonOf, ThreadBadge, useRelayAct } from './words.tsx'

type View = ReturnType<typeof useThread>
type Shown = NonNullable<View['thread']>

export function ThreadPage({ id }: { id: string }) {
  const me = useUser()
  const closed = closedTo(me, 'thread.mint', t('read threads'))
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.threads()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Threads')}
      </Link>
      {closed ? (
        <>
          <PageTitle title={t('Thread')} />
          <Banner tone="info">{closed}</Banner>
        </>
      ) : (
        <Read id={id} />
      )}
    </div>
  )
}

function Read({ id }: { id: string }) {
  const view = useThread(id)
  const { reader, thread, error } = view
  useTitle(thread ? t('Thread with {name}', { name: visible(thread.caller.label) }) : t('Thread'))
  if (!thread || !reader)
    return error ? (
      <>
        <PageTitle title={t('Thread')} />
        {isYetToBegin(error) ? <FirstMessage id={id} error={error} /> : <Refusal error={error} />}
      </>
    ) : (
      <p className="text-muted">{t('Loading…')}</p>
    )
  return <Whole view={view} reader={reader} thread={thread} />
}

/** A first message that asks for its relay grant (R103): until somebody has agreed, there is a request to see and no thread to read. */
function FirstMessage({ id, error }: { id: string; error: unknown }) {
  const query = useQuery({
    queryKey: ['relay', 'requests', 'of-thread', id],
    queryFn: async () =>
      (await api.call('GET /connection-requests', { query: { side: 'caller', state: 'pending', limit: 100 } })).data,
    ...LIVE,
  })
  const request = query.data?.find((one) => one.thread_id === id)
  if (query.isPending) return <p className="text-muted">{t('Loading…')}</p>
  if (!request) return <Refusal error={query.error ?? error} />
  return (
    <Banner tone="info">
      {t('Its first message asks for a relay grant. The thread can be read here once people of the owner have agreed.')}{' '}
      <Link href={paths.connectionRequest(request.id)} className="underline underline-offset-4">
        {t('The connection request')}
      </Link>
    </Banner>
  )
}

function Whole({ view, reader, thread }: { view: View; reader: Reader; thread: Shown }) {
  const me = useUser()
  const now = useNow()
  const { side } = reader
  const { messages, events, artifacts, query, live } = view
  const waiting = useWaiting(thread, side)
  const nameOf = useNameOf()
  const who = (of: Side) => (of === 'caller' ? thread.caller.label : thread.agent)
  const own = side === 'owner'
  const refresh = () => void query.refetch()
  const isRinging = rings(thread)
  const until = ringsUntil(events)
  return (
    <>
      <div className="flex flex-wrap items-start justify-between gap-3">
        <h1 className="min-w-0 text-2xl font-semibold tracking-tight wrap-anywhere">
          <AgentText text={own ? thread.caller.label : thread.agent} />
        </h1>
        <div className="flex flex-wrap items-center gap-2 pt-1">
          {isRinging && <Badge tone="warn">{t('Rings')}</Badge>}
          <ThreadBadge thread={thread} />
          <LiveBadge state={live} />
        </div>
      </div>
      <p className="-mt-3 text-muted">
        {own ? t('It calls your agent {agent}.', { agent: thread.agent }) : t('Your agent calls it.')} {reasonOf(thread.reason)}
      </p>
      <Refusal error={view.error} />
      {thread.error !== null && (
        <Banner tone="warning">
          <AgentText text={thread.error.message} />
        </Banner>
      )}
      {thread.approval?.side === side && (
        <Banner tone="info">
          {t('People of your side are asked about it.')}{' '}
          <Link href={paths.task(thread.approval.task_id)} className="underline underline-offset-4">
            {t('Answer the question')}
          </Link>
        </Banner>
      )}
      {isRinging && <Ringing {...{ thread, side, until, now }} client={reader.client} onSent={refresh} />}
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[1fr_minmax(20rem,24rem)]">
        <div className="flex min-w-0 flex-col gap-5">
          <Conversation {...{ messages, events, side, who, now }} />
          <More query={query} />
          {own && isOpen(thread) && thread.state !== 'awaiting_approval' && (
            <ThreadAnswer id={thread.id} client={reader.client} onSent={refresh} />
          )}
        </div>
        <div className="flex min-w-0 flex-col gap-5">
          <Artifacts artifacts={artifacts} messages={messages} />
          <ThreadTimeline
            {...{ events, now }}
            next={isRinging ? ringsNext(side, until) : nextOf(thread, side, waiting)}
            inAudit={own && Object.hasOwn(me.may, 'event.list')}
            inDeliveries={own && Object.hasOwn(me.may, 'delivery.read')}
            whoOf={({ actor }) =>
              actor.type === 'system' ? t('The relay') : actor.id === me.id ? t('You') : named(actor.id, thread, nameOf)
            }
          />
          <FactsCard thread={thread} side={side} />
          {isOpen(thread) && <Close thread={thread} reader={reader} onClosed={refresh} />}
        </div>
      </div>
    </>
  )
}

/** Of the other side one sees its label and never whose name stands behind it. */
function named(id: string, { caller, agent }: Shown, nameOf: (id: string) => string): string {
  if (id === caller.agent_id || id.startsWith('rgr_')) return caller.label
  return id.startsWith('card_') ? agent : nameOf(id)
}

const LIVE_WORDS: Record<LiveState, string> = {
  connecting: t('Connecting…'),
  live: t('Live'),
  lost: t('Not live: read every few seconds'),
  over: t('Ended'),
}
function LiveBadge({ state }: { state: LiveState }) {
  if (state === 'over') return null
  return <Badge tone={state === 'lost' ? 'warn' : 'quiet'}>{LIVE_WORDS[state]}</Badge>
}

/** What the hosted inbox says of the message that waits, where one is on that side. */
function useWaiting(thread: Shown, side: Side) {
  const inbox = useQuery({
    queryKey: ['relay', 'inbox', thread.agent, 'thread'],
    queryFn: () => api.call('GET /agents/:slug/inbox', { params: { slug: thread.agent }, query: { limit: 200 } }),
    enabled: side === 'owner' && (thread.state === 'queued' || thread.state === 'delivering'),
    ...LIVE,
  })
  return inbox.data?.data.find((one) => one.thread_id === thread.id)
}

/** Names of this tenant's people and agents; an id where none is known. */
function useNameOf(): (id: string) => string {
  const agents = useQuery({
    queryKey: ['agents', 'names'],
    queryFn: () => api.agents.list({ limit: 200 }),
    staleTime: 60_000,
  })
  const people = useQuery({
    queryKey: ['people', 'names'],
    queryFn: () => api.call('GET /users', { query: { limit: 200 } }),
    staleTime: 60_000,
    retry: false,
  })
  const names = new Map([
    ...(agents.data?.data ?? []).map(({ id, name }) => [id, name] as const),
    ...(people.data?.data ?? []).map(({ id, display_name }) => [id, display_name] as const),
  ])
  return (id) => names.get(id) ?? id
}

function FactsCard({ thread, side }: { thread: Shown; side: Side }) {
  const rows: Row[] = [
    [
      t('Agent'),
      <span key="agent" className="font-mono text-xs">
        {thread.agent}
      </span>,
    ],
    [
      t('Relay grant'),
      <Link key="grant" href={paths.relayGrant(thread.relay_grant_id)} className="underline underline-offset-4">
        <AgentText text={thread.caller.label} />
      </Link>,
    ],
    ...(thread.skill === null ? [] : [[t('Skill'), <AgentText key="skill" text={thread.skill} />] as Row]),
    ...(thread.live ? [[t('Call'), callWord(thread)] as Row] : []),
    [t('Context'), <AgentText key="context" text={thread.context_id} />],
    ...(thread.operation_id === null ? [] : [[t('Operation'), <AgentText key="operation" text={thread.operation_id} />] as Row]),
    ...(thread.reference_thread_ids.length === 0
      ? []
      : [
          [
            t('Refers to'),
            <span key="refers" className="flex flex-col font-mono text-xs">
              {thread.reference_thread_ids.map((id) => (
                <Link key={id} href={paths.thread(id)} className="underline underline-offset-4">
                  {id}
                </Link>
              ))}
            </span>,
          ] as Row,
        ]),
    [t('Began'), exact(thread.created_at)],
    ...(thread.ended_at === null ? [] : [[t('Ended'), exact(thread.ended_at)] as Row]),
    [
      t('Thread'),
      <span key="id" className="font-mono text-xs">
        {thread.id}
      </span>,
    ],
    [t('Your side'), side === 'owner' ? t('of the agent') : t('calling')],
  ]
  return (
    <Card title={t('About it')}>
      <Described rows={rows} />
    </Card>
  )
}

function Close({ thread, reader, onClosed }: { thread: Shown; reader: Reader; onClosed: () => void }) {
  const me = useUser()
  const [done, setDone] = useState(false)
  const close = useRelayAct(
    () => reader.client.call('POST /threads/:id/close', { params: { id: thread.id }, body: {} }),
    () => {
      setDone(true)
      onClosed()
    },
  )
  return (
    <div className="flex flex-col gap-3">
      <Refusal error={close.error} />
      <div>
        <Confirm
          name={t('Close the thread')}
          title={t('Close the thread')}
          confirm={t('Close it')}
          reason={closedTo(me, 'thread.close', t('close threads'))}
          busy={close.isPending || done}
          onConfirm={() => close.mutate(undefined)}
        >
          {t(
            'Both sides see that your side ended it. Messages that nobody has taken yet are withdrawn. Work goes on in a new thread.',
          )}
        </Confirm>
      </div>
    </div>
  )
}
