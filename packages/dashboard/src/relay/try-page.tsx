// Both builders in one browser (relay.md R6): at the left whoever calls one's own card, with a relay grant of a day that reaches nothing else, at the right the owner's inbox. The
// relay token is kept while the page is open; it is shown with the commands that use it, once.
import type { Card as AgentCard, Tried } from '@countersign/sdk'
import { createClient } from '@countersign/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Copyable } from '../ui/copy.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea } from '../ui/text-field.tsx'
import { Artifacts, Conversation } from './conversation.tsx'
import { type Reader, readerOf, type Side, useThread } from './reading.ts'
import { nextOf } from './story.ts'
import { ThreadAnswer } from './thread-answer.tsx'
import { isOpen, ThreadBadge, useRelayAct } from './words.tsx'

/** As whoever holds the relay token, and as nobody else. */
const asCaller = createClient({ url: location.origin, key: null, credentials: 'omit' })
const bearer = (token: string) => ({ authorization: ['bearer', token].join(' ') })

export function TryPage({ id }: { id: string }) {
  const query = useQuery({ queryKey: ['relay', 'card', id], queryFn: () => api.call('GET /cards/:id', { params: { id } }) })
  const card = query.data
  useTitle(t('Try it as a caller'))
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.card(id)} className="self-start text-muted hover:text-text hover:underline">
        {t('← The card')}
      </Link>
      <PageTitle title={t('Try it as a caller')} />
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {card && <Trial card={card} />}
    </div>
  )
}

function Trial({ card }: { card: AgentCard }) {
  const me = useUser()
  const [tried, setTried] = useState<Tried | null>(null)
  const [thread, setThread] = useState<{ id: string; reader: Reader } | null>(null)
  const begin = useRelayAct(() => api.call('POST /relay/sandbox', { body: { agent: card.id } }), setTried)
  const token = tried?.relay_token
  if (!tried || token === undefined)
    return (
      <Card title={t('Both sides, alone')}>
        <p>
          {t(
            'You get a relay grant to this card and to nothing else. It ends after a day. Then you write as the calling agent, and answer as the owner, side by side.',
          )}
        </p>
        <Refusal error={begin.error} />
        <div>
          <Button
            tone="primary"
            reason={closedTo(me, 'connection_request.create', t('try agents out'))}
            busy={begin.isPending}
            onClick={() => begin.mutate(undefined)}
          >
            {t('Begin')}
          </Button>
        </div>
      </Card>
    )
  return (
    <>
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
        <section aria-label={t('The caller')} className="flex min-w-0 flex-col gap-4">
          <h2 className="text-lg font-semibold">{t('The caller')}</h2>
          {thread && <Seen key={thread.id} id={thread.id} given={thread.reader} token={token} />}
          <Start card={card} token={token} again={thread !== null} onStarted={setThread} />
        </section>
        <section aria-label={t('You, the owner')} className="flex min-w-0 flex-col gap-4">
          <h2 className="text-lg font-semibold">{t('You, the owner')}</h2>
          {thread ? (
            <Seen key={thread.id} id={thread.id} token={token} />
          ) : (
            <p className="card p-6 text-muted">{t('The message of the caller comes here, as into the inbox of the agent.')}</p>
          )}
        </section>
      </div>
      {tried.commands && (
        <Card title={t('The same from a terminal')}>
          <Copyable label={t('command')} text={tried.commands.curl} />
          <p className="text-sm text-muted">{t('It holds the relay token, and is shown this once.')}</p>
        </Card>
      )}
    </>
  )
}

type StartProps = { card: AgentCard; token: string; again: boolean; onStarted: (started: { id: string; reader: Reader }) => void }

function Start({ card, token, again, onStarted }: StartProps) {
  const [text, setText] = useState('')
  const [skill, setSkill] = useState('')
  const start = useMutation({
    mutationFn: () =>
      asCaller.call('POST /agents/:slug/threads', {
        params: { slug: card.slug },
        headers: bearer(token),
        body: { text, want_thread_token: true, ...(skill === '' ? {} : { skill }) },
      }),
    onSuccess: ({ thread_id: id, thread_access_token: key }) => {
      setText('')
      onStarted({ id, reader: readerOf('caller', key ?? null) })
    },
  })
  const placed = placeErrors(start.error, ['/text', '/skill'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    start.mutate()
  }
  return (
    <Card title={again ? t('Another thread') : t('The first message')}>
      <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3">
        <TextArea
          label={t('Message of the caller')}
          rows={3}
          value={text}
          error={placed.beside.get('/text')}
          onChange={(event) => setText(event.target.value)}
        />
        <SelectField
          label={t('Skill')}
          value={skill}
          options={[
            { value: '', label: t('not said') },
            ...card.skills.map(({ id, name }) => ({ value: id, label: visible(name) })),
          ]}
          onChange={(event) => setSkill(event.target.value)}
        />
        <Refusal error={start.error} placed={placed} />
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={start.isPending}
            reason={text.trim() === '' ? t('Type the message first.') : undefined}
          >
            {t('Start the thread')}
          </Button>
        </div>
      </form>
    </Card>
  )
}

/** The thread from one side. */
function Seen({ id, given, token }: { id: string; given?: Reader; token: string }) {
  const now = useNow()
  const { reader, thread, messages, events, artifacts, query, error } = useThread(id, given)
  if (!thread || !reader) return error ? <Refusal error={error} /> : <p className="text-muted">{t('Loading…')}</p>
  const who = (side: Side) => (side === 'caller' ? thread.caller.label : thread.agent)
  const refresh = () => void query.refetch()
  return (
    <>
      <p className="flex flex-wrap items-center gap-2">
        <ThreadBadge thread={thread} />
        {reader.side === 'owner' && (
          <Link href={paths.thread(id)} className="text-sm underline underline-offset-4">
            {t('Its page')}
          </Link>
        )}
      </p>
      <p role="status" className="text-sm text-muted">
        <AgentText text={nextOf(thread, reader.side, undefined)} />
      </p>
      <Conversation {...{ messages, events, who, now }} side={reader.side} />
      <Artifacts artifacts={artifacts} messages={messages} />
      {reader.side === 'owner' && isOpen(thread) && thread.state !== 'awaiting_approval' && (
        <ThreadAnswer id={id} client={reader.client} onSent={refresh} />
      )}
      {reader.side === 'caller' && isOpen(thread) && <FollowUp id={id} token={token} onSent={refresh} />}
    </>
  )
}

function FollowUp({ id, token, onSent }: { id: string; token: string; onSent: () => void }) {
  const [text, setText] = useState('')
  const send = useMutation({
    mutationFn: () => asCaller.call('POST /threads/:id/messages', { params: { id }, headers: bearer(token), body: { text } }),
    onSuccess: () => setText(''),
    onSettled: onSent,
  })
  const placed = placeErrors(send.error, ['/text'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    send.mutate()
  }
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3">
      <TextArea
        label={t('Go on as the caller')}
        rows={2}
        value={text}
        error={placed.beside.get('/text')}
        onChange={(event) => setText(event.target.value)}
      />
      <Refusal error={send.error} placed={placed} />
      <div>
        <Button type="submit" busy={send.isPending} reason={text.trim() === '' ? t('Type the message first.') : undefined}>
          {t('Send as the caller')}
        </Button>
      </div>
    </form>
  )
}
