// Having an approval remembered (T48): for how long the same act of the same agent on the same target needs nobody, and ending that with one click.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api } from '../api.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { INPUT } from '../ui/text-field.tsx'

const TIMES: readonly [number, string][] = [
  [0, t('Ask again every time')],
  [900, t('Allow the same for 15 minutes')],
  [3_600, t('Allow the same for an hour')],
  [28_800, t('Allow the same for 8 hours')],
  [86_400, t('Allow the same for a day')],
]

export function Remember({ seconds, onChange }: { seconds: number; onChange: (seconds: number) => void }) {
  const id = useId()
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {t('Next time')}
      </label>
      <select id={id} className={INPUT} value={seconds} onChange={(event) => onChange(Number(event.target.value))}>
        {TIMES.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
      <p className="text-sm text-muted">
        {t('An approval is remembered as a policy of its own, for this agent and this target, and ends by itself.')}
      </p>
    </div>
  )
}

export function Remembered({ task }: { task: Task }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [ended, setEnded] = useState(false)
  const until = task.decisions.find(({ remembered_until }) => remembered_until !== null)?.remembered_until
  const forget = useMutation({
    mutationFn: () => run(() => api.tasks.forget(task.id)),
    onSuccess: () => setEnded(true),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  if (!until || Date.parse(until) <= Date.now()) return null
  return (
    <div className="flex flex-col gap-2">
      <p>
        {ended ? t('It is asked about again from now on.') : `${t('The same is allowed without asking until')} `}
        {!ended && <time dateTime={until}>{exact(until)}</time>}
        {!ended && '.'}
      </p>
      <Refusal error={forget.error} />
      {!ended && (
        <div>
          <Button small busy={forget.isPending} onClick={() => forget.mutate()}>
            {t('Ask again from now on')}
          </Button>
        </div>
      )}
      {dialog}
    </div>
  )
}
