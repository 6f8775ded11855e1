// One question inside a page of somebody else's: what is asked, by whom, and the form. It shows nothing else of the house and leads nowhere but to the question's own page.
import { Problem, type Task } from '@countersign/sdk'
import { useEffect, useMemo, useRef, useState } from 'react'
import { speak } from '../problem.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { clock, exact, relative, useNow } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText, ContentCard } from '../ui/content.tsx'
import { ElsewhereLink, EmbedAnswer } from './answer.tsx'
import { clientOf, followTask, isOver, type Read } from './follow.ts'
import { isTheme, type Known, wear } from './known.ts'
import type { Parent, Told } from './parent.ts'

type Pass = { token: string; expiresAt: number }
const EXPIRING_MS = 30_000

export function EmbedPage({ known, parent, token }: { known: Known; parent: Parent; token: string }) {
  const taskId = known.task_id
  const [pass, setPass] = useState<Pass>({ token, expiresAt: Date.parse(known.expires_at) })
  const [read, setRead] = useState<Read | null>(null)
  const [error, setError] = useState<unknown>(null)
  const client = useMemo(() => clientOf(pass.token), [pass.token])
  const box = useRef<HTMLElement>(null)

  useEffect(() => {
    parent.tell({ type: 'loaded', payload: { taskId } })
    return parent.listen((heard) => {
      if (heard.type === 'theme' && isTheme(heard.payload.theme)) wear(heard.payload.theme, document)
      if (heard.type === 'focus') box.current?.querySelector<HTMLElement>('input, textarea, select, button')?.focus()
      if (heard.type === 'token') setPass(renewed(heard.payload, known))
    })
  }, [parent, taskId, known])

  useEffect(() => {
    const stop = new AbortController()
    const fail = (failed: unknown) => {
      setError(failed)
      parent.tell(errorOf(taskId, failed))
    }
    const hear = {
      fail,
      read: (next: Read) => {
        setError(null)
        setRead(next)
      },
    }
    void followTask(client, taskId, hear, stop.signal)
    return () => stop.abort()
  }, [client, taskId, parent])

  // Half a minute before its end, and for one that lives no longer than that halfway there.
  useEffect(() => {
    const left = pass.expiresAt - Date.now()
    if (left <= 0) return
    const payload = { taskId, expiresAt: new Date(pass.expiresAt).toISOString() }
    const timer = setTimeout(() => parent.tell({ type: 'token.expiring', payload }), Math.max(left - EXPIRING_MS, left / 2))
    return () => clearTimeout(timer)
  }, [pass, parent, taskId])

  useNews(read?.task, parent)
  useHeight(box, parent)

  return (
    <main ref={box} className="flex flex-col gap-4 p-4">
      {error !== null && <Trouble error={error} url={read?.task.url} />}
      {read === null && error === null && <p className="text-muted">{t('Loading…')}</p>}
      {read && (
        <Question {...read} key={read.task.revision}>
          {isOver(read.task) ? (
            <Outcome task={read.task} />
          ) : (
            <EmbedAnswer
              client={client}
              task={read.task}
              initial={read.shown.get('initial_response') ?? null}
              onRefused={(failed) => parent.tell(errorOf(taskId, failed))}
            />
          )}
        </Question>
      )}
    </main>
  )
}

/** A token that says nothing of its end lives as long as the first. */
const renewed = ({ token, expiresAt }: { token: string; expiresAt?: string }, known: Known): Pass => {
  const said = Date.parse(expiresAt ?? '')
  return { token, expiresAt: Number.isNaN(said) ? Date.now() + known.ttl_seconds * 1_000 : said }
}

const errorOf = (taskId: string, error: unknown): Told => ({
  type: 'task.error',
  payload: { taskId, code: error instanceof Problem ? error.code : 'unknown', message: speak(error).text },
})

/** What becomes of the task is told once for each state, whoever brought it about. */
function useNews(task: Task | undefined, parent: Parent): void {
  const told = useRef('')
  useEffect(() => {
    if (!task || told.current === task.status) return
    const before = told.current
    told.current = task.status
    const taskId = task.id
    if (task.status === 'completed')
      parent.tell({ type: 'task.completed', payload: { taskId, response: task.response, completedAt: task.completed_at } })
    if (task.status === 'cancelled') parent.tell({ type: 'task.cancelled', payload: { taskId } })
    if (task.status === 'returned' && before !== '') parent.tell({ type: 'task.returned', payload: { taskId } })
    if (task.status === 'timed_out' || task.status === 'verification_exhausted')
      parent.tell({ type: 'task.error', payload: { taskId, code: task.status, message: outcomeOf(task) } })
  }, [task, parent])
}

/** The holder gives the frame the height of what is in it. */
function useHeight(box: { current: HTMLElement | null }, parent: Parent): void {
  useEffect(() => {
    const { current } = box
    if (!current) return
    const observer = new ResizeObserver(() =>
      parent.tell({ type: 'resize', payload: { height: Math.ceil(current.getBoundingClientRect().height) } }),
    )
    observer.observe(current)
    return () => observer.disconnect()
  }, [box, parent])
}

function Question({ task, shown, children }: Read & { children: React.ReactNode }) {
  const now = useNow()
  const payload = shown.get('payload') ?? null
  return (
    <article className="flex flex-col gap-4">
      <header className="flex flex-col gap-1">
        <h1 className="text-xl font-semibold tracking-tight">
          <AgentText text={task.task} />
        </h1>
        <p className="text-sm text-muted">
          {rich('Asked by {agentName}', { agentName: <AgentText text={task.agent_name ?? t('a person')} /> })}
          {!isOver(task) && (
            <>
              {' · '}
              {rich('answer by {when}, {when2}', {
                when: (
                  <time dateTime={task.deadline_at} title={exact(task.deadline_at)}>
                    {clock(task.deadline_at, now)}
                  </time>
                ),
                when2: relative(task.deadline_at, now),
              })}
            </>
          )}
        </p>
      </header>
      {typeof task.description === 'string' && task.description !== '' && (
        <Card title={t('Background')}>
          <AgentText text={task.description} />
        </Card>
      )}
      {payload !== null && <ContentCard title={t('What it is about')} value={payload} label={t('content')} />}
      {children}
    </article>
  )
}

const Outcome = ({ task }: { task: Task }) => (
  <Banner tone={task.status === 'completed' ? 'success' : 'info'}>
    <AgentText text={outcomeOf(task)} />
  </Banner>
)

function outcomeOf(task: Task): string {
  if (task.status === 'timed_out') return t('Nobody answered in time.')
  if (task.status === 'cancelled') return t('The question was withdrawn.')
  if (task.status === 'verification_exhausted') return t('The answers did not pass the check.')
  if (task.completed_via_channel === 'timeout') return t('The deadline settled it.')
  return t('Answered by {name}.', { name: task.completed_by_display_name ?? 'somebody' })
}

function Trouble({ error, url }: { error: unknown; url: string | undefined }) {
  const ended = error instanceof Problem && (error.code === 'embed_token_invalid' || error.code === 'embed_token_wrong_task')
  return (
    <>
      <Banner tone="error">
        {ended ? t('This question cannot be answered here any more. Reload the page around it.') : speak(error).text}
      </Banner>
      {url && <ElsewhereLink url={url} />}
    </>
  )
}
