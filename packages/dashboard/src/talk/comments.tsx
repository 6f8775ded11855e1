// What people and the agent say to each other about a task. What is meant for humans alone is marked, and no agent reads it.
import type { Comment, Task } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { useLive } from '../live.tsx'
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
  const now = useNow(30_000)
  const may = task.may.includes('comment')
  if (!may && (read.data ?? []).length === 0) return null
  return (
    <Card title="Comments">
      <Refusal error={read.error} />
      {(read.data ?? []).length > 0 && (
        <ol className="flex flex-col gap-4">
          {read.data?.map((one) => (
            <Said key={one.id} comment={one} now={now} />
          ))}
        </ol>
      )}
      {may && <Write task={task} />}
    </Card>
  )
}

const WHAT: Record<Comment['purpose'], string | null> = {
  comment: null,
  sent_back: 'Sent it back',
  late_answer: 'Came too late to count',
}

function Said({ comment, now }: { comment: Comment; now: number }) {
  const what = WHAT[comment.purpose]
  return (
    <li className="flex flex-col gap-1">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm text-muted">
        <strong className="font-medium text-text">
          <AgentText text={comment.author.display_name} />
        </strong>
        {comment.author.type === 'agent' && <Badge tone="quiet">agent</Badge>}
        {comment.audience === 'humans' && <Badge tone="warn">humans only</Badge>}
        {what && <Badge tone="info">{what}</Badge>}
        <time dateTime={comment.created_at} title={exact(comment.created_at)}>
          {relative(comment.created_at, now)}
        </time>
      </p>
      <p className="whitespace-pre-wrap wrap-anywhere">
        {typeof comment.body === 'string' ? (
          <AgentText text={comment.body} />
        ) : (
          <span className="text-muted">Hidden from you</span>
        )}
      </p>
    </li>
  )
}

function Write({ task }: { task: Task }) {
  const queries = useQueryClient()
  const [body, setBody] = useState('')
  const [toHumans, setToHumans] = useState(false)
  const send = useMutation({
    mutationFn: () => api.tasks.comment(task.id, { body, audience: toHumans ? 'humans' : 'all' }),
    onSuccess: () => setBody(''),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (body.trim()) send.mutate()
      }}
    >
      <TextArea label="Your comment" rows={3} maxLength={10_000} value={body} onChange={(event) => setBody(event.target.value)} />
      <Refusal error={send.error} />
      <div className="flex flex-wrap items-center justify-between gap-3">
        <label className="flex items-center gap-2 text-sm">
          <input type="checkbox" checked={toHumans} onChange={(event) => setToHumans(event.target.checked)} />
          Only for people: no agent reads it
        </label>
        <Button small type="submit" busy={send.isPending} reason={body.trim() ? undefined : 'Write something first.'}>
          Add comment
        </Button>
      </div>
    </form>
  )
}
