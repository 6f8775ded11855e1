// One task: what is asked, by whom, what will happen at the deadline, and the form that answers it. No decision shows before the server has it.
import type { Task } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { can, stepsIn } from '../can.ts'
import { readExact, type Shown } from '../exact.ts'
import { answerOf, type Draft, emptyDraft } from '../form/draft.ts'
import { type Field, fieldsOf } from '../form/field.ts'
import { FieldInput } from '../form/inputs.tsx'
import { useLiveTasks } from '../live.ts'
import { paths } from '../paths.ts'
import { fieldErrors, speak } from '../problem.ts'
import { useKeys } from '../shell.tsx'
import { exact, relative, useNow } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText, Content } from '../ui/content.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { StatusBadge } from '../ui/status-badge.tsx'
import { TextField } from '../ui/text-field.tsx'

type Read = { task: Task; shown: Map<string, Shown> }

async function readTask(id: string): Promise<Read> {
  const reply = await api.transport.call<Task>('GET', `/tasks/${encodeURIComponent(id)}`, { taskId: id })
  const shown = readExact(reply.text)
  return { task: reply.body, shown: shown instanceof Map ? shown : new Map() }
}

export function TaskPage({ id }: { id: string }) {
  const read = useQuery({ queryKey: ['task', id], queryFn: () => readTask(id) })
  useLiveTasks()
  if (read.isPending) return <p className="text-muted">Loading…</p>
  if (read.error) return <Banner tone="error">{speak(read.error).text}</Banner>
  return <TaskView key={`${id} ${read.data.task.revision}`} {...read.data} />
}

function TaskView({ task, shown }: Read) {
  const now = useNow()
  useEffect(() => {
    document.title = `${task.task.slice(0, 60)} · Countersign`
  }, [task.task])
  const payload = shown.get('payload') ?? null
  const response = shown.get('response') ?? null
  return (
    <article className="flex flex-col gap-6">
      <header className="flex flex-col gap-2">
        <p>
          <Link href={paths.inbox()} className="text-muted hover:text-text hover:underline">
            ← Inbox
          </Link>
        </p>
        <div className="flex flex-wrap items-start justify-between gap-3">
          <h1 className="min-w-0 text-2xl font-semibold tracking-tight">
            <AgentText text={task.task} />
          </h1>
          <StatusBadge task={task} />
        </div>
        <Facts task={task} now={now} />
      </header>
      <div className="grid grid-cols-1 gap-6 lg:grid-cols-[1fr_minmax(20rem,26rem)]">
        <div className="flex min-w-0 flex-col gap-6">
          {typeof task.description === 'string' && task.description !== '' && (
            <Section title="Background">
              <AgentText text={task.description} />
            </Section>
          )}
          {payload !== null && (
            <Section title="What it is about">
              <Content value={payload} label="content" />
            </Section>
          )}
          {response !== null && (
            <Section title="The answer">
              <Content value={response} label="answer" />
            </Section>
          )}
        </div>
        <div className="flex min-w-0 flex-col gap-6">
          {task.status === 'open' ? <AnswerForm task={task} /> : <Outcome task={task} />}
          <Acts task={task} />
        </div>
      </div>
    </article>
  )
}

const Section = ({ title, children }: { title: string; children: ReactNode }) => (
  <section className="card p-5" aria-label={title}>
    <h2 className="mb-3 font-semibold">{title}</h2>
    {children}
  </section>
)

function Facts({ task, now }: { task: Task; now: number }) {
  const asker = String(task.agent_name ?? 'A person')
  return (
    <p className="text-muted">
      <strong className="font-medium text-text">{asker}</strong> asks
      {task.on_behalf_of ? ` on behalf of ${task.on_behalf_of}` : ''}, {relative(task.created_at, now)}.{' '}
      {task.status === 'open' && (
        <>
          Answer by <time dateTime={task.deadline_at}>{exact(task.deadline_at)}</time> ({relative(task.deadline_at, now)}).{' '}
          {atDeadline(task)}
        </>
      )}
      {task.status === 'open' && task.assigned_to_display_name ? ` Held by ${task.assigned_to_display_name}.` : ''}
    </p>
  )
}

function atDeadline({ on_timeout }: Task): string {
  if (on_timeout === 'deny') return 'If nobody answers, it counts as a no.'
  if (typeof on_timeout === 'object' && on_timeout !== null && 'default' in on_timeout)
    return `If nobody answers, the agent gets this answer: ${JSON.stringify(on_timeout.default)}.`
  return 'If nobody answers, the agent is told that nobody did.'
}

function AnswerForm({ task }: { task: Task }) {
  const queries = useQueryClient()
  const root = useMemo<Field>(() => {
    const fields = fieldsOf(task.response_schema)
    const common = { name: '', label: 'Answer', required: true, nullable: false }
    return fields ? { ...common, kind: 'object', fields } : { ...common, kind: 'json' }
  }, [task.response_schema])
  const [draft, setDraft] = useState<Draft>(() => emptyDraft(root, task.initial_response ?? undefined))
  const [reason, setReason] = useState('')
  const form = useRef<HTMLFormElement>(null)
  const stepping = stepsIn(task)
  const allowed = can('decide', task)

  const decide = useMutation({
    mutationFn: () =>
      api.tasks.decide(task.id, {
        type: 'respond',
        // Whatever a person typed: the server says whether it is an answer.
        response: answerOf(root, draft) as object,
        reason: reason || undefined,
        seen_revision: task.revision,
      }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
    onError: () => requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid], [role=alert]')?.focus()),
  })
  const errors = fieldErrors(decide.error, '/response')
  const reasonError = fieldErrors(decide.error).get('/reason')

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (allowed === true) decide.mutate()
  }

  const fields = root.kind === 'object' ? root.fields : [root]
  return (
    <form ref={form} onSubmit={submit} noValidate className="card flex flex-col gap-5 p-5" aria-label="Your answer">
      <h2 className="font-semibold">Your answer</h2>
      {decide.error && <Banner tone="error">{speak(decide.error).text}</Banner>}
      {allowed !== true && <Banner tone="info">{allowed}</Banner>}
      {stepping && (
        <Banner tone="warning">This was asked of somebody else. You can step in; the record says so, with your reason.</Banner>
      )}
      {fields.map((field) => (
        <FieldInput
          key={field.name || 'answer'}
          field={field}
          path={root.kind === 'object' ? `/${field.name.replaceAll('~', '~0').replaceAll('/', '~1')}` : ''}
          draft={root.kind === 'object' ? (draft as Record<string, Draft>)[field.name] : draft}
          errors={errors}
          disabled={allowed !== true || decide.isPending}
          onChange={(value) =>
            setDraft(root.kind === 'object' ? { ...(draft as Record<string, Draft>), [field.name]: value } : value)
          }
        />
      ))}
      {stepping && (
        <TextField
          label="Reason for stepping in"
          value={reason}
          error={reasonError}
          onChange={(event) => setReason(event.target.value)}
        />
      )}
      <Button type="submit" tone="primary" busy={decide.isPending} reason={allowed === true ? undefined : allowed}>
        {decide.isPending ? 'Sending…' : 'Send answer'}
      </Button>
    </form>
  )
}

function Outcome({ task }: { task: Task }) {
  const at = task.completed_at ?? task.timed_out_at ?? task.cancelled_at
  const by = task.completed_by_display_name
  return (
    <section className="card flex flex-col gap-2 p-5" aria-label="What became of it" aria-live="polite">
      <h2 className="font-semibold">What became of it</h2>
      <p>
        {task.status === 'completed' &&
          (by ? `${by} settled it` : task.completed_via_channel === 'timeout' ? 'The deadline settled it' : 'It was settled')}
        {task.status === 'timed_out' && 'Nobody answered in time'}
        {task.status === 'cancelled' && 'It was withdrawn'}
        {at ? `, ${exact(at)}` : ''}
        {task.status === 'completed' && task.completed_via_channel ? ` (${task.completed_via_channel})` : ''}.
      </p>
      {typeof task.cancel_reason === 'string' && (
        <p className="text-muted">
          Reason: <AgentText text={task.cancel_reason} />
        </p>
      )}
    </section>
  )
}

function Acts({ task }: { task: Task }) {
  const queries = useQueryClient()
  const [asking, setAsking] = useState(false)
  const [reason, setReason] = useState('')
  const refresh = { onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }) }
  const claim = useMutation({ mutationFn: () => api.tasks.claim(task.id), ...refresh })
  const release = useMutation({ mutationFn: () => api.tasks.release(task.id), ...refresh })
  const cancel = useMutation({
    mutationFn: () => api.tasks.cancel(task.id, { reason: reason || undefined }),
    ...refresh,
    onSuccess: () => setAsking(false),
  })
  const claimable = can('claim', task)
  const releasable = can('release', task)
  useKeys({ c: () => claimable === true && claim.mutate() })

  if (task.status !== 'open') return null
  const error = claim.error ?? release.error ?? cancel.error
  const cancellable = can('cancel', task)
  return (
    <section className="flex flex-col gap-3" aria-label="Other acts">
      {error && <Banner tone="error">{speak(error).text}</Banner>}
      <div className="flex flex-wrap gap-2">
        {releasable === true ? (
          <Button busy={release.isPending} onClick={() => release.mutate()}>
            Give it back
          </Button>
        ) : (
          <Button busy={claim.isPending} reason={claimable === true ? undefined : claimable} onClick={() => claim.mutate()}>
            Claim it
          </Button>
        )}
        <Button tone="danger" reason={cancellable === true ? undefined : cancellable} onClick={() => setAsking(true)}>
          Withdraw the question
        </Button>
      </div>
      <Dialog open={asking} onClose={() => setAsking(false)} title="Withdraw the question">
        <p>The agent is told that the question was withdrawn. This cannot be undone.</p>
        <TextField label="Reason (the agent reads it)" value={reason} onChange={(event) => setReason(event.target.value)} />
        <Button tone="danger" busy={cancel.isPending} onClick={() => cancel.mutate()}>
          Withdraw it
        </Button>
      </Dialog>
    </section>
  )
}
