// The receipt of a task that has ended (T156, T159): a signed statement of what was decided, as a file that anybody can check without this server.
import type { Task } from '@countersign/sdk'
import { useMutation } from '@tanstack/react-query'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { saveText } from '../ui/save.ts'

const ENDED: readonly Task['status'][] = ['completed', 'timed_out', 'cancelled', 'verification_exhausted']

export function Receipt({ task }: { task: Pick<Task, 'id' | 'status' | 'erased_at'> }) {
  const me = useUser()
  const save = useMutation({
    mutationFn: async (include: 'content' | undefined) => {
      const { receipt } = await api.tasks.receipt(task.id, { include })
      saveText(`${task.id}.jws`, `${receipt}\n`)
    },
  })
  if (!ENDED.includes(task.status)) return null
  const closed = closedTo(me, 'task.receipt', t('take receipts'))
  return (
    <div className="flex flex-col gap-2 border-t border-line pt-3">
      <p className="text-sm text-muted">
        {rich('The receipt is signed, and {code} checks it without this server.', {
          code: <code className="font-mono">countersign receipt verify</code>,
        })}
      </p>
      <div className="flex flex-wrap gap-2">
        <Button small busy={save.isPending} reason={closed} onClick={() => save.mutate(undefined)}>
          {t('Save the receipt')}
        </Button>
        {task.erased_at === null && (
          <Button small tone="quiet" busy={save.isPending} reason={closed} onClick={() => save.mutate('content')}>
            {t('With the content')}
          </Button>
        )}
      </div>
      <Refusal error={save.error} />
    </div>
  )
}
