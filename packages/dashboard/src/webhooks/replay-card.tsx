// Many deliveries once more, of an endpoint or of a type of event: what used up its schedule, how far the replay is, and its end when one has seen enough.
import { useState } from 'react'
import { api } from '../api.ts'
import { figure } from '../jobs/frame.tsx'
import { useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Progress } from '../ui/progress.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { LIVE, type Replay, useWebhookAct } from './frame.tsx'

const SPANS = [
  { value: '3600', label: t('the last hour') },
  { value: '86400', label: t('the last day') },
  { value: '604800', label: t('the last week') },
  { value: '7776000', label: t('all that is kept') },
]

type Props = { of: { endpoint_id: string } | { type: string }; exhausted: number; why?: string | undefined }

/** `why`: what stands in the way. */
export function ReplayCard({ of, exhausted, why: closedBy }: Props) {
  const me = useUser()
  const [span, setSpan] = useState('86400')
  const { rows, query } = useList<Replay>(
    ['webhooks', 'replays'],
    (cursor) => api.call('GET /replays', { query: { cursor } }),
    LIVE,
  )
  const isOwn = (one: Replay) =>
    'endpoint_id' in of ? one.endpoint_id === of.endpoint_id : one.type === of.type && one.endpoint_id === null
  const own = rows.filter(isOwn).slice(0, 3)
  const start = useWebhookAct(() => {
    const since = new Date(Date.now() - Number(span) * 1000).toISOString()
    return api.call('POST /replays', { body: { ...of, what: 'exhausted', since } })
  })
  const cancel = useWebhookAct((id: string) => api.call('DELETE /replays/:id', { params: { id } }))
  const closed = closedTo(me, 'delivery.replay', t('replay deliveries'))
  const why =
    closedBy ??
    (exhausted === 0
      ? t('Nothing used up its schedule.')
      : own.some((one) => one.state === 'running')
        ? t('A replay is running.')
        : undefined)
  return (
    <Card title={t('Replay')}>
      <p className="text-muted">
        {t('Deliveries that used up their schedule, once more: one attempt each, 20 a second, the same bytes.')}
      </p>
      <div className="flex flex-wrap items-end gap-3">
        <SelectField label={t('Exhausted in')} value={span} options={SPANS} onChange={(event) => setSpan(event.target.value)} />
        <Button reason={closed ?? why} busy={start.isPending} onClick={() => start.mutate(undefined)}>
          {t('Replay')}
        </Button>
      </div>
      <Refusal error={start.error ?? cancel.error ?? query.error} />
      {own.map((one) => (
        <div key={one.id} className="flex flex-col gap-1.5">
          <div className="flex flex-wrap items-center justify-between gap-2 text-sm">
            <span>
              {t('{started} of {total} sent, {succeeded} arrived, {failed} failed', {
                started: figure(one.started),
                total: figure(one.total),
                succeeded: figure(one.succeeded),
                failed: figure(one.failed),
              })}
            </span>
            {one.state === 'running' ? (
              <Button small reason={closed} busy={cancel.isPending} onClick={() => cancel.mutate(one.id)}>
                {t('Cancel replay')}
              </Button>
            ) : (
              <Badge tone={one.state === 'done' ? 'good' : 'quiet'}>{wireWord(one.state)}</Badge>
            )}
          </div>
          <Progress label={t('Progress of the replay')} value={one.started} max={one.total} />
        </div>
      ))}
    </Card>
  )
}
