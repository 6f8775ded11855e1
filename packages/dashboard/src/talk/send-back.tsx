// Handing a task back to the agent: only with a comment that says what is missing.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextArea } from '../ui/text-field.tsx'

export function SendBack({ task }: { task: Task }) {
  const queries = useQueryClient()
  const [asking, setAsking] = useState(false)
  const [comment, setComment] = useState('')
  const send = useMutation({
    mutationFn: () => api.tasks.sendBack(task.id, { comment, seen_revision: task.revision }),
    onSuccess: () => setAsking(false),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  if (!task.may.includes('send_back')) return null
  return (
    <>
      <Button small onClick={() => setAsking(true)}>
        Send it back
      </Button>
      <Dialog open={asking} onClose={() => setAsking(false)} title="Send it back to the agent">
        <p>
          The agent reads your comment and changes what it asks, or withdraws it.{' '}
          {task.pause_while_revising ? 'The deadline rests meanwhile.' : 'The deadline runs on.'}
        </p>
        <Refusal error={send.error} />
        <TextArea
          label="What is missing or wrong"
          rows={4}
          maxLength={10_000}
          value={comment}
          onChange={(event) => setComment(event.target.value)}
        />
        <div>
          <Button
            tone="primary"
            busy={send.isPending}
            reason={comment.trim() ? undefined : 'Say what is missing first.'}
            onClick={() => send.mutate()}
          >
            Send back
          </Button>
        </div>
      </Dialog>
    </>
  )
}
