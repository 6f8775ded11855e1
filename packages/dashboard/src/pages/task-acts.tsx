// What one can do with a task besides answering it: take it on, give it back, withdraw it; while an answer is checked or the agent changes it, withdraw it.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { can } from '../can.ts'
import { useKeys } from '../keyboard/keys.ts'
import { useUser } from '../me.ts'
import { Erase } from '../talk/erase.tsx'
import { SendBack } from '../talk/send-back.tsx'
import { isAnswerable } from '../task/facts.tsx'
import { Reassign } from '../task/reassign.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'

const why = (allowed: true | string): string | undefined => (allowed === true ? undefined : allowed)

export function TaskActs({ task }: { task: Task }) {
  const me = useUser()
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
  const isMine = task.assigned_to_user_id === me.id
  const claimable = can('claim', task)
  useKeys({ c: () => claimable === true && claim.mutate() })

  const isUnderWay = task.status === 'verifying' || task.status === 'revising'
  if (!isAnswerable(task) && !isUnderWay) return null
  return (
    <section className="flex flex-col gap-3" aria-label={t('Other acts')}>
      <Refusal error={claim.error ?? release.error} />
      <div className="flex flex-wrap gap-2">
        {!isMine && !isUnderWay && (
          <Button small busy={claim.isPending} reason={why(claimable)} onClick={() => claim.mutate()}>
            {t('Claim it')}
          </Button>
        )}
        {can('release', task) === true && (
          <Button small busy={release.isPending} onClick={() => release.mutate()}>
            {isMine
              ? t('Give it back')
              : t('Free it from {name}', { name: visible(task.assigned_to_display_name ?? t('its holder')) })}
          </Button>
        )}
        <SendBack task={task} />
        {!isUnderWay && <Reassign task={task} />}
        <Button small tone="danger" reason={why(can('cancel', task))} onClick={() => setAsking(true)}>
          {t('Withdraw the question')}
        </Button>
        {!isUnderWay && <Erase task={task} />}
      </div>
      <Dialog open={asking} onClose={() => setAsking(false)} title={t('Withdraw the question')}>
        <p>{t('The agent is told that the question was withdrawn. This cannot be undone.')}</p>
        <Refusal error={cancel.error} />
        <TextField label={t('Reason (the agent reads it)')} value={reason} onChange={(event) => setReason(event.target.value)} />
        <div>
          <Button tone="danger" busy={cancel.isPending} onClick={() => cancel.mutate()}>
            {t('Withdraw it')}
          </Button>
        </div>
      </Dialog>
    </section>
  )
}
