// Erasing what a task says. Asked once more, for nothing brings it back.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { t } from '../text/t.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Refusal } from '../ui/refusal.tsx'

export function Erase({ task }: { task: Task }) {
  const queries = useQueryClient()
  const erase = useMutation({
    mutationFn: () => api.tasks.erase(task.id),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  if (!task.may.includes('erase')) return null
  return (
    <div className="flex flex-col items-start gap-2">
      <Refusal error={erase.error} />
      <Confirm
        name={t('Erase the content')}
        title={t('Erase the content of this task')}
        confirm={t('Erase it')}
        busy={erase.isPending}
        onConfirm={() => erase.mutate()}
      >
        {t(
          'The question, what it is about, the answers and all comments become unreadable for ever. Who decided, when and how stays on the record.',
        )}
        {task.status === 'open' ? ` ${t('The task is withdrawn.')}` : ''}
      </Confirm>
    </div>
  )
}
