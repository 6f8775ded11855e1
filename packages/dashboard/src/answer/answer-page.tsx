// The page behind a link of a mail or message (tasks.md T109–T111): the question, one form, and behind a review link what else one can do with it. Opening it decides nothing, whoever opens it and how often; it knows no
// session and leads nowhere but to the task's own page. Every state of the task has its words here.
import { Problem, type Task } from '@countersign/sdk'
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react'
import { draftStore } from '../draft-store.ts'
import { isUnderstood, returnedAnswer } from '../form/returned.ts'
import { fragmentToken } from '../pages/entrance.tsx'
import { isAnswerable } from '../task/facts.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'
import { visible } from '../ui/marks.ts'
import { Acts } from './acts.tsx'
import { Dead, Sent } from './ended.tsx'
import { type Act, type Answer, keptFor, type Look, look, perform, send } from './link.ts'
import { Question } from './question.tsx'
import { Reply } from './reply.tsx'

type State = {
  seen: Look | null
  /** Why nothing can be shown. */
  dead: unknown
  /** Why the answer was not taken. */
  refused: unknown
  /** Pointers of what is new since this person looked first. */
  changed: readonly string[]
  sent: Task | null
  /** What was done last besides answering. */
  done: Act['type'] | null
}

const NOTHING: State = { seen: null, dead: null, refused: null, changed: [], sent: null, done: null }
const AGAIN_MS = 4_000

export function AnswerPage() {
  const [token] = useState(fragmentToken)
  const [state, setState] = useState<State>(NOTHING)
  const [busy, setBusy] = useState(false)
  const going = useRef(token)
  const top = useRef<HTMLElement>(null)

  const read = useCallback(async () => {
    try {
      const seen = await look(going.current)
      going.current = seen.token
      setState((before) => ({ ...before, seen, dead: null, sent: null }))
    } catch (dead) {
      setState((before) => ({ ...before, dead }))
    }
  }, [])
  useEffect(() => {
    if (token !== '') void read()
  }, [token, read])

  // Somebody, or something, looks at the answer: the page says what they found.
  const isChecked = (state.sent ?? state.seen?.view.task)?.status === 'verifying'
  useEffect(() => {
    if (!isChecked || state.dead !== null) return
    const timer = setInterval(() => void read(), AGAIN_MS)
    return () => clearInterval(timer)
  }, [isChecked, state.dead, read])

  const answer = async (given: Answer) => {
    if (busy || !state.seen) return
    setBusy(true)
    try {
      const { task } = await send(state.seen, given)
      draftStore(keptFor(state.seen.view), task).drop()
      // A verifier that speaks at once has given it back: the same link takes the next answer.
      if (task.status === 'returned') await read()
      setState((before) => ({
        ...before,
        sent: task.status === 'returned' ? null : task,
        refused: null,
        changed: [],
        done: null,
      }))
      top.current?.focus()
    } catch (refused) {
      setState((before) => ({ ...before, refused, changed: changedIn(refused) }))
      if (isOld(refused)) await read()
    } finally {
      setBusy(false)
    }
  }

  const act = async (given: Act) => {
    if (!state.seen) return
    try {
      await perform(state.seen, given)
    } catch (error) {
      if (isOld(error)) await read()
      throw error
    }
    setState((before) => ({ ...before, done: given.type, refused: null }))
    await read()
  }

  return (
    <Frame top={top} title={state.seen?.view.task.task ?? t('Answer')}>
      {token === '' && <Banner tone="warning">{t('Open this page by the link of your mail, whole and unchanged.')}</Banner>}
      <Body
        state={state}
        busy={busy}
        isWaiting={token !== ''}
        onAnswer={(given) => void answer(given)}
        onAct={act}
        onRetry={() => void read()}
      />
    </Frame>
  )
}

type BodyProps = {
  state: State
  busy: boolean
  isWaiting: boolean
  onAnswer: (answer: Answer) => void
  onAct: (act: Act) => Promise<void>
  onRetry: () => void
}

function Body({ state, busy, isWaiting, onAnswer, onAct, onRetry }: BodyProps) {
  const { seen, dead, sent, refused, changed, done } = state
  if (sent) return <Sent task={sent} />
  if (dead !== null) return <Dead error={dead} hadAnswered={seen !== null && refused === null} onRetry={onRetry} />
  if (!seen) return isWaiting ? <p className="text-muted">{t('Loading…')}</p> : null
  const { view, shown } = seen
  const { task } = view
  const isNewer = view.state === 'revised' || changed.length > 0
  return (
    // Another revision is another question: what was typed for the old one does not slip into the new.
    <Question key={task.revision} task={task} shown={shown} changed={changed}>
      {isNewer && (
        <Banner tone="warning">
          {changed.length > 0
            ? t('The question was changed since your message was sent: {changed}. Read it again; nothing was sent.', {
                changed: changed.map(wordOf).join(', '),
              })
            : t('The question was changed since your message was sent. Read it again; nothing was sent.')}
        </Banner>
      )}
      {task.status === 'returned' && <Returned task={task} />}
      {done !== null && <Banner tone="success">{DONE[done]}</Banner>}
      {task.status === 'verifying' && (
        <Banner tone="info">{t('An answer was given and is being checked. This page tells you what came of it.')}</Banner>
      )}
      {task.status === 'revising' && (
        <>
          <Banner tone="info">
            {t('It is with the agent, which changes what it asks or withdraws it. Your link stays good.')}
          </Banner>
          <div>
            <Button onClick={onRetry}>{t('Look again')}</Button>
          </div>
        </>
      )}
      {isAnswerable(task) && (
        <Reply
          view={view}
          initial={returnedAnswer(task, shown.get('decisions') ?? null, view.reader) ?? shown.get('initial_response') ?? null}
          error={refused}
          busy={busy}
          onAnswer={onAnswer}
        />
      )}
      <Acts view={view} onAct={onAct} />
      <p className="text-sm text-muted">
        {view.reader.email && view.reader.email !== view.reader.display_name
          ? rich('You answer as {name} ({email}). This link is yours: who has it can answer for you.', {
              name: <AgentText text={view.reader.display_name} />,
              email: view.reader.email,
            })
          : rich('You answer as {name}. This link is yours: who has it can answer for you.', {
              name: <AgentText text={view.reader.display_name} />,
            })}
      </p>
    </Question>
  )
}

const DONE: Record<Act['type'], string> = {
  claim: t('It is yours now: nobody else is asked to answer it.'),
  release: t('You gave it back: everybody who was asked can take it on.'),
  comment: t('Your comment stands there for everybody who reads the question.'),
  send_back: t('You sent it back. The agent reads your comment.'),
}

const wordOf = (pointer: string): string => pointer.slice(1).split('/').map(visible).join(' › ')
const changedIn = (error: unknown): readonly string[] =>
  error instanceof Problem && error.code === 'task_revised' && Array.isArray(error.members.changed)
    ? error.members.changed.filter((one): one is string => typeof one === 'string')
    : []

/** The page shows what is not there any more, or its nonce is too old. */
const isOld = (error: unknown): boolean =>
  error instanceof Problem &&
  (
    [
      'task_revised',
      'task_not_open',
      'task_already_claimed',
      'state_conflict',
      'task_verifying',
      'already_decided',
      'link_used',
      'link_expired',
      'link_revoked',
    ] as const
  ).some((code) => code === error.code)

function Returned({ task }: { task: Task }) {
  const result = task.verifier_result as { reason?: unknown } | null
  if (isUnderstood(task))
    return <Banner tone="info">{typeof result?.reason === 'string' && <AgentText text={result.reason} />}</Banner>
  return (
    <Banner tone="warning">
      {typeof result?.reason === 'string' && result.reason !== ''
        ? rich('The last answer did not pass the check: {reason}', { reason: <AgentText text={result.reason} /> })
        : t('The last answer did not pass the check.')}
    </Banner>
  )
}

function Frame({ top, title, children }: { top: { current: HTMLElement | null }; title: string; children: ReactNode }) {
  useTitle(title.slice(0, 60))
  return (
    <main
      ref={top}
      tabIndex={-1}
      className="mx-auto flex min-h-dvh w-full max-w-2xl flex-col gap-6 px-4 py-6 outline-none sm:py-10"
    >
      <div className="flex items-center gap-3">
        <img src="/favicon.svg" alt="" width="28" height="28" />
        <p className="text-lg font-semibold tracking-tight">{t('Countersign')}</p>
      </div>
      <div className="flex min-w-0 flex-col gap-5">{children}</div>
    </main>
  )
}
