// The pretend Slack: its conversations, the messages that the product wrote and rewrote, and the form that a press opened. Everything is drawn from the payloads themselves.

import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { Empty } from '../jobs/frame.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { Blocks, Marked } from './blocks.tsx'
import { type Message, type Slack, useAct } from './desk.ts'
import { Modal } from './modal.tsx'

type Conversation = { id: string; name: string; member: string | null }

export function SlackDesk({ slack }: { slack: Slack | null }) {
  const [search, setSearch] = useSearchParams()
  if (!slack) return <Empty>{t('The settings name a Slack of your own, so none is played here.')}</Empty>
  const all = conversationsOf(slack)
  const newest = slack.messages.at(-1)?.channel
  const here = all.find(({ id }) => id === (search.get('in') ?? newest)) ?? all[0]
  const view = slack.views.at(-1)
  return (
    <div className="flex min-w-0 flex-col gap-4">
      {slack.faults.length > 0 && (
        <Banner tone="error">{t('Slack would have refused: {faults}', { faults: visible(slack.faults.at(-1) ?? '') })}</Banner>
      )}
      <div className="grid min-w-0 gap-4 md:grid-cols-[minmax(0,13rem)_minmax(0,1fr)]">
        <nav aria-label={slack.team.name} className="flex flex-col gap-0.5">
          <p className="px-3 pb-1 text-xs font-medium tracking-wide text-muted">{slack.team.name}</p>
          {all.map((one) => (
            <button
              key={one.id}
              type="button"
              aria-current={one.id === here?.id ? 'page' : undefined}
              onClick={() => setSearch({ show: 'slack', in: one.id })}
              className="flex justify-between gap-2 rounded-lg px-3 py-1.5 text-left text-muted hover:bg-sunken aria-[current]:bg-accent-soft aria-[current]:font-medium aria-[current]:text-text"
            >
              <span className="truncate">{visible(one.name)}</span>
              <span className="text-sm tabular-nums">{countIn(slack, one.id) || ''}</span>
            </button>
          ))}
        </nav>
        {here && <Talk key={here.id} slack={slack} here={here} />}
      </div>
      {view && <Modal key={view.id} view={view} as={nameOf(slack, view.user)} />}
    </div>
  )
}

const countIn = ({ messages }: Slack, id: string): number => messages.filter(({ channel }) => channel === id).length
const nameOf = ({ members }: Slack, id: string): string => members.find((one) => one.id === id)?.real_name ?? id

const conversationsOf = ({ channels, members, messages }: Slack): Conversation[] => {
  const known: Conversation[] = [
    ...channels.map(({ id, name }) => ({ id, name: `# ${name}`, member: null })),
    ...members.map(({ id, real_name }) => ({ id: `D${id.slice(1)}`, name: real_name, member: id })),
  ]
  const others = [...new Set(messages.map(({ channel }) => channel))].filter((id) => !known.some((one) => one.id === id))
  return [...known, ...others.map((id) => ({ id, name: id, member: null }))]
}

function Talk({ slack, here }: { slack: Slack; here: Conversation }) {
  const [chosen, setChosen] = useState(here.member ?? slack.members[0]?.id ?? '')
  const messages = slack.messages.filter(({ channel }) => channel === here.id)
  const whispers = slack.ephemerals.filter(({ channel, user }) => channel === here.id && user === chosen)
  return (
    <section aria-label={here.name} className="card flex min-w-0 flex-col">
      <header className="flex flex-wrap items-center justify-between gap-3 border-b border-line px-5 py-3">
        <h2 className="font-semibold">{visible(here.name)}</h2>
        {here.member === null && (
          <SelectField
            label={t('You are')}
            value={chosen}
            onChange={(event) => setChosen(event.target.value)}
            options={slack.members.map(({ id, real_name }) => ({ value: id, label: real_name }))}
          />
        )}
      </header>
      {messages.length === 0 && (
        <p className="p-5 text-muted">
          {rich('No message yet. A question can name somebody: {code}, or a channel: {code2}.', {
            code: <code>notify: ['slack:you@example.com']</code>,
            code2: <code>slack:#approvals</code>,
          })}
        </p>
      )}
      <ol className="flex flex-col">
        {messages.map((message) => (
          <Posted key={message.ts} message={message} user={chosen} />
        ))}
        {whispers.map(({ text }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: whispers only come
          <li key={i} className="border-t border-line bg-sunken px-5 py-3 first:border-t-0">
            <p className="text-xs text-muted">{t('Only visible to {name}', { name: visible(nameOf(slack, chosen)) })}</p>
            <p className="whitespace-pre-wrap wrap-anywhere">
              <Marked text={text} />
            </p>
          </li>
        ))}
      </ol>
    </section>
  )
}

function Posted({ message, user }: { message: Message; user: string }) {
  const press = useAct<{ channel: string; ts: string; action_id: string; user: string }>('/dev/slack/press')
  const { channel, ts, blocks, thread_ts, edited } = message
  return (
    <li className={`flex min-w-0 gap-3 border-t border-line px-5 py-4 first:border-t-0 ${thread_ts ? 'pl-14' : ''}`}>
      <img src="/favicon.svg" alt="" width="36" height="36" className="size-9 shrink-0 rounded-lg" />
      <div className="flex min-w-0 grow flex-col gap-1">
        <p className="flex flex-wrap items-center gap-2">
          <strong>{t('Countersign')}</strong> <Badge tone="quiet">{t('App')}</Badge>
          {edited > 0 && <span className="text-sm text-muted">{t('(edited)')}</span>}
        </p>
        {blocks.length > 0 ? (
          <Blocks
            blocks={blocks}
            busy={press.isPending}
            onPress={(action_id) => press.mutate({ channel, ts, action_id, user })}
          />
        ) : (
          <p className="whitespace-pre-wrap wrap-anywhere">
            <Marked text={message.text} />
          </p>
        )}
        <Refusal error={press.error} />
      </div>
    </li>
  )
}
