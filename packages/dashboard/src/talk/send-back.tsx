// Handing a task back to the agent: only with a comment that says what is missing.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextArea } from '../ui/text-field.tsx'

export function SendBack({ task }: { task: Task }) {
  const queries = useQueryClient()
  const send = useMutation({
    mutationFn: (comment: string) => api.tasks.sendBack(task.id, { comment, seen_revision: task.revision }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  if (!task.may.includes('send_back')) return null
  return <SendBackButton task={task} busy={send.isPending} error={send.error} onSend={(comment) => send.mutateAsync(comment)} />
}

type Props = { task: Task; busy: boolean; error: unknown; onSend: (comment: string) => Promise<unknown> }

/** The button and the dialog behind it; what was written stays until it was taken. */
export function SendBackButton({ task, busy, error, onSend }: Props) {
  const [asking, setAsking] = useState(false)
  const [comment, setComment] = useState('')
  // Why it was not taken comes back as `error`.
  const send = () =>
    onSend(comment).then(
      () => setAsking(false),
      () => undefined,
    )
  return (
    <>
      <Button small onClick={() => setAsking(true)}>
        {t('Send it back')}
      </Button>
      <Dialog open={asking} onClose={() => setAsking(false)} title={t('Send it back to the agent')}>
        <p>
          {task.pause_while_revising
            ? t('The agent reads your comment and changes what it asks, or withdraws it. The deadline rests meanwhile.')
            : t('The agent reads your comment and changes what it asks, or withdraws it. The deadline runs on.')}
        </p>
        <Refusal error={error} />
        <TextArea
          label={t('What is missing or wrong')}
          rows={4}
          maxLength={10_000}
          value={comment}
          onChange={(event) => setComment(event.target.value)}
        />
        <div>
          <Button
            tone="primary"
            busy={busy}
            reason={comment.trim() ? undefined : t('Say what is missing first.')}
            onClick={() => void send()}
          >
            {t('Send back')}
          </Button>
        </div>
      </Dialog>
    </>
  )
}
