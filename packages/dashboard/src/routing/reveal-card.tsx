// What a task hides until somebody asks for it: one button, and who pressed it stands in the record. What it shows is kept by nobody but this page.
import type { Task } from '@countersign/sdk'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { readExact, type Shown } from '../exact.ts'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'

export type Revealed = { task: Task; shown: Map<string, Shown> }

/** Whether parts of it are masked here. */
export const hidesParts = (task: Task): boolean => task.redact !== 'none' && JSON.stringify(task).includes('"_redacted":true')

export function RevealCard({ task, onRevealed }: { task: Task; onRevealed: (revealed: Revealed) => void }) {
  const closed = closedTo(useUser(), 'task.reveal', t('read what is hidden'))
  const [reason, setReason] = useState('')
  const asked = task.may.includes('decide')
  const reveal = useMutation({
    mutationFn: async (): Promise<Revealed> => {
      const path = `/tasks/${encodeURIComponent(task.id)}/reveal`
      const reply = await api.transport.call<Task>('POST', path, { taskId: task.id, body: { reason: reason.trim() || null } })
      const shown = readExact(reply.text)
      return { task: reply.body, shown: shown instanceof Map ? shown : new Map() }
    },
    onSuccess: onRevealed,
  })
  const placed = placeErrors(reveal.error, ['/reason'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    reveal.mutate()
  }
  return (
    <Card title={t('Parts of this are hidden')}>
      <form onSubmit={submit} noValidate className="flex flex-col gap-3">
        <p className="max-w-prose text-muted">
          {t('Whoever asked wants it read by those who need it. That you read it is recorded.')}
        </p>
        {placed.beside.size === 0 && <Refusal error={reveal.error} />}
        {!asked && (
          <TextField
            label={t('Why you read it')}
            hint={t('You were not asked to answer this: the people of the task will see the reason.')}
            value={reason}
            error={placed.beside.get('/reason')}
            onChange={(event) => setReason(event.target.value)}
          />
        )}
        <div>
          <Button type="submit" reason={closed} busy={reveal.isPending}>
            {t('Show what is hidden')}
          </Button>
        </div>
      </form>
    </Card>
  )
}
