// An answer that came too late goes back to the person who wrote it; one click keeps it as a comment (T15).
import { Problem, type Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'

/** As people read it: a line a member. */
export const answerText = (response: Record<string, unknown>): string =>
  Object.entries(response)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('\n')

type Props = { task: Task; error: unknown; response: Record<string, unknown> | undefined }

export function KeepAsComment({ task, error, response }: Props) {
  const queries = useQueryClient()
  const keep = useMutation({
    mutationFn: (body: string) => api.tasks.comment(task.id, { body, purpose: 'late_answer' }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  if (!(error instanceof Problem) || error.code !== 'task_not_open' || !response) return null
  if (keep.isSuccess) return <Banner tone="info">{t('Your answer is kept as a comment.')}</Banner>
  return (
    <div className="flex flex-col items-start gap-2">
      <p className="text-muted">{t('Your answer came too late and was not sent. It is still in the form.')}</p>
      <Refusal error={keep.error} />
      <Button small busy={keep.isPending} onClick={() => keep.mutate(answerText(response).slice(0, 10_000))}>
        {t('Keep it as a comment')}
      </Button>
    </div>
  )
}
