// What people and the agent say to each other about a task. What is meant for humans alone is marked, and no agent reads it.
import type { Comment, Task } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { api } from '../api.ts'
import { useLive } from '../live.tsx'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextArea } from '../ui/text-field.tsx'

async function allComments(id: string): Promise<Comment[]> {
  const said: Comment[] = []
  for await (const one of api.tasks.comments(id)) said.push(one)
  return said
}

export function Comments({ task }: { task: Task }) {
  const { refetchInterval } = useLive()
  const read = useQuery({ queryKey: ['task', task.id, 'comments'], queryFn: () => allComments(task.id), refetchInterval })
  const may = task.may.includes('comment')
  if (!may && (read.data ?? []).length === 0) return null
  return (
    <Card title={t('Comments')}>
      <Refusal error={read.error} />
      <CommentList comments={read.data ?? []} />
      {may && <Write task={task} />}
    </Card>
  )
}

export function CommentList({ comments }: { comments: readonly Comment[] }) {
  const now = useNow(30_000)
  if (comments.length === 0) return null
  return (
    <ol className="flex flex-col gap-4">
      {comments.map((one) => (
        <Said key={one.id} comment={one} now={now} />
      ))}
    </ol>
  )
}

const WHAT: Record<Comment['purpose'], string | null> = {
  comment: null,
  sent_back: t('Sent it back'),
  late_answer: t('Came too late to count'),
}

function Said({ comment, now }: { comment: Comment; now: number }) {
  const what = WHAT[comment.purpose]
  return (
    <li className="flex flex-col gap-1">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm text-muted">
        <strong className="font-medium text-text">
          <AgentText text={comment.author.display_name} />
        </strong>
        {comment.author.type === 'agent' && <Badge tone="quiet">{t('agent')}</Badge>}
        {comment.audience === 'humans' && <Badge tone="warn">{t('humans only')}</Badge>}
        {what && <Badge tone="info">{what}</Badge>}
        <time dateTime={comment.created_at} title={exact(comment.created_at)}>
          {relative(comment.created_at, now)}
        </time>
      </p>
      <p className="whitespace-pre-wrap wrap-anywhere">
        {typeof comment.body === 'string' ? (
          <AgentText text={comment.body} />
        ) : (
          <span className="text-muted">{t('Hidden from you')}</span>
        )}
      </p>
    </li>
  )
}

function Write({ task }: { task: Task }) {
  const queries = useQueryClient()
  const [toHumans, setToHumans] = useState(false)
  const send = useMutation({
    mutationFn: (body: string) => api.tasks.comment(task.id, { body, audience: toHumans ? 'humans' : 'all' }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  return (
    <WriteComment busy={send.isPending} error={send.error} onSend={(body) => send.mutateAsync(body)}>
      <label className="flex items-center gap-2 text-sm">
        <input type="checkbox" checked={toHumans} onChange={(event) => setToHumans(event.target.checked)} />
        {t('Only for people: no agent reads it')}
      </label>
    </WriteComment>
  )
}

type WriteProps = { busy: boolean; error: unknown; onSend: (body: string) => Promise<unknown>; children?: ReactNode }

/** What was written stays until it was taken. */
export function WriteComment({ busy, error, onSend, children }: WriteProps) {
  const [body, setBody] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    // Why it was not taken comes back as `error`.
    if (body.trim() && !busy)
      onSend(body).then(
        () => setBody(''),
        () => undefined,
      )
  }
  return (
    <form className="flex flex-col gap-2" onSubmit={submit}>
      <TextArea
        label={t('Your comment')}
        rows={3}
        maxLength={10_000}
        value={body}
        onChange={(event) => setBody(event.target.value)}
      />
      <Refusal error={error} />
      <div className="flex flex-wrap items-center justify-between gap-3">
        {children}
        <Button
          small
          type="submit"
          className="ml-auto"
          busy={busy}
          reason={body.trim() ? undefined : t('Write something first.')}
        >
          {t('Add comment')}
        </Button>
      </div>
    </form>
  )
}
