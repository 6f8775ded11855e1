// What one can do with an endpoint: test, pause, resume with a choice of what was missed, delete.
import { useState } from 'react'
import { useLocation } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { type Endpoint, useWebhookAct } from './frame.tsx'

export function EndpointActs({ endpoint }: { endpoint: Endpoint }) {
  const me = useUser()
  const [, go] = useLocation()
  const [told, setTold] = useState('')
  const { run, dialog } = useStepUp()
  const { id, state } = endpoint
  const params = { id }
  const test = useWebhookAct(
    () => api.call('POST /endpoints/:id/test', { params }),
    () => setTold(t('A test is on its way; it stands in the log below.')),
  )
  const pause = useWebhookAct(() => api.call('POST /endpoints/:id/pause', { params }))
  const remove = useWebhookAct(
    () => run(() => api.call('DELETE /endpoints/:id', { params })),
    () => go(paths.webhooks()),
  )
  const mayPause = closedTo(me, 'endpoint.pause', t('pause endpoints'))
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <Button
          small
          reason={closedTo(me, 'endpoint.test', t('test endpoints'))}
          busy={test.isPending}
          onClick={() => test.mutate(undefined)}
        >
          {state === 'pending' ? t('Ping again') : t('Send a test')}
        </Button>
        {state === 'paused' || state === 'disabled' ? (
          <Resume endpoint={endpoint} reason={mayPause} />
        ) : (
          <Button small reason={mayPause} busy={pause.isPending} onClick={() => pause.mutate(undefined)}>
            {t('Pause')}
          </Button>
        )}
        <Confirm
          name={t('Delete')}
          title={t('Delete this endpoint')}
          confirm={t('Delete it')}
          reason={closedTo(me, 'endpoint.delete', t('delete endpoints'))}
          busy={remove.isPending}
          onConfirm={() => remove.mutate(undefined)}
        >
          {t('What is on its way is cancelled and its secrets are destroyed. Its log stays for 90 days.')}
        </Confirm>
        <p role="status" className="text-sm text-muted">
          {told}
        </p>
      </div>
      <Refusal error={test.error ?? pause.error ?? remove.error} />
      {dialog}
    </div>
  )
}

const SPANS = [
  { value: '', label: t('everything that was held') },
  { value: '3600', label: t('the last hour only') },
  { value: '86400', label: t('the last day only') },
  { value: '0', label: t('nothing; only what comes from now on') },
]

/** Back on, with what was missed as far as one wants it. */
function Resume({ endpoint, reason }: { endpoint: Endpoint; reason: string | undefined }) {
  const [asking, setAsking] = useState(false)
  const [span, setSpan] = useState('')
  const resume = useWebhookAct(
    () => {
      const recover_since = span === '' ? undefined : new Date(Date.now() - Number(span) * 1000).toISOString()
      return api.call('POST /endpoints/:id/resume', { params: { id: endpoint.id }, body: { recover_since } })
    },
    () => setAsking(false),
  )
  return (
    <>
      <Button small tone="primary" reason={reason} onClick={() => setAsking(true)}>
        {t('Resume')}
      </Button>
      <Dialog open={asking} onClose={() => setAsking(false)} title={t('Resume this endpoint')}>
        <Refusal error={resume.error} />
        <SelectField
          label={t('Send what was missed')}
          value={span}
          options={SPANS}
          onChange={(event) => setSpan(event.target.value)}
        />
        <p className="text-muted">{t('What you leave out is cancelled. It can still be replayed, one by one or in bulk.')}</p>
        <div>
          <Button tone="primary" busy={resume.isPending} onClick={() => resume.mutate(undefined)}>
            {t('Resume')}
          </Button>
        </div>
      </Dialog>
    </>
  )
}
