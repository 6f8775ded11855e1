// On the page of a task: where its answer lies, since when, why the last one came back, and the act of overriding. Nothing where no verifier is in play.
import type { Task } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'

type Result = { passed?: boolean; reason?: unknown; field_errors?: { path: string; field?: string; message: string }[] }

export function VerificationCard({ task }: { task: Task }) {
  const now = useNow()
  const runs = useQuery({
    queryKey: ['task', task.id, 'verification', task.version],
    queryFn: () => api.tasks.verification(task.id),
    enabled: task.verifier_config !== null,
  })
  if (task.verification === 'skipped_redacted')
    return <Banner tone="info">{t('No model checks the answer, for this task hides its content.')}</Banner>
  if (task.verifier_config === null) return null
  const result = (task.verifier_result ?? {}) as Result
  const waiting = runs.data?.data.find(({ state }) => state === 'waiting')
  return (
    <Card title={t('Verification')}>
      <div className="flex flex-col gap-3">
        {task.status === 'verifying' && task.verifying_at && (
          <p role="status">
            {rich('The answer is being checked, since {when}.', {
              when: <span title={exact(task.verifying_at)}>{relative(task.verifying_at, now)}</span>,
            })}
            {waiting?.fault
              ? ` ${t('After {tries} tries there is no verdict ({fault}).', { tries: waiting.tries, fault: waiting.fault.replaceAll('_', ' ') })}`
              : ''}
          </p>
        )}
        {(task.status === 'returned' || task.status === 'verification_exhausted' || result.passed === false) && (
          <Refused result={result} />
        )}
        {task.verification_attempt > 0 && (
          <p className="text-sm text-muted">
            {task.verification_attempt === 1
              ? t('One answer was refused.')
              : t('{verificationAttempt} answers were refused.', { verificationAttempt: task.verification_attempt })}
          </p>
        )}
        {task.verification_attempt === 0 && task.status === 'open' && (
          <p className="text-muted">
            {t('An answer is checked before it counts. If it is not good enough you read why, and answer again.')}
          </p>
        )}
        <Spent runs={runs.data?.data ?? []} />
        {task.status === 'verifying' && <Override task={task} />}
      </div>
    </Card>
  )
}

const Refused = ({ result }: { result: Result }) => (
  <div className="flex flex-col gap-2">
    <p>
      <span className="font-medium">{result.passed ? t('To be confirmed:') : t('The last answer came back:')}</span>{' '}
      <AgentText text={typeof result.reason === 'string' ? result.reason : t('why cannot be shown here.')} />
    </p>
    {result.field_errors && result.field_errors.length > 0 && (
      <ul className="list-disc pl-5">
        {result.field_errors.map(({ path, field, message }) => (
          <li key={`${path} ${message}`}>
            <AgentText text={`${field || path}: ${message}`} />
          </li>
        ))}
      </ul>
    )}
  </div>
)

type Run = Awaited<ReturnType<typeof api.tasks.verification>>['data'][number]

function Spent({ runs }: { runs: readonly Run[] }) {
  const tokens = runs.reduce((sum, { input_tokens, output_tokens }) => sum + input_tokens + output_tokens, 0)
  if (tokens === 0) return null
  const cost = runs.every((run) => run.cost === null) ? null : runs.reduce((sum, run) => sum + (run.cost ?? 0), 0)
  return (
    <p className="text-sm text-muted">
      {cost === null
        ? t('{tokens} tokens so far', { tokens })
        : t('{tokens} tokens so far, {cost} USD', { tokens, cost: cost.toPrecision(2) })}
    </p>
  )
}

function Override({ task }: { task: Task }) {
  const me = useUser()
  const queries = useQueryClient()
  const [asking, setAsking] = useState(false)
  const [reason, setReason] = useState('')
  const override = useMutation({
    mutationFn: () => api.tasks.overrideVerification(task.id, reason),
    onSuccess: () => setAsking(false),
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  return (
    <div>
      <Button small reason={closedTo(me, 'task.override', t('override verifiers'))} onClick={() => setAsking(true)}>
        {t('Let it count')}
      </Button>
      <Dialog open={asking} onClose={() => setAsking(false)} title={t('Let the answer count without its verifier')}>
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            override.mutate()
          }}
        >
          <Refusal error={override.error} />
          <p className="text-muted">{t('The agent gets the answer at once. The record says that you did this, and why.')}</p>
          <TextField label={t('Why')} value={reason} onChange={(event) => setReason(event.target.value)} />
          <div>
            <Button
              type="submit"
              tone="primary"
              busy={override.isPending}
              reason={reason.trim() === '' ? t('Say why.') : undefined}
            >
              {t('Let it count')}
            </Button>
          </div>
        </form>
      </Dialog>
    </div>
  )
}
