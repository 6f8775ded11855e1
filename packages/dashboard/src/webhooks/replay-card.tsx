// Many deliveries of an endpoint once more: what used up its schedule, how far the replay is, and its end when one has seen enough.
import { useState } from 'react'
import { api } from '../api.ts'
import { figure } from '../jobs/frame.tsx'
import { useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { type Endpoint, LIVE, type Replay, useWebhookAct } from './frame.tsx'

const SPANS = [
  { value: '3600', label: 'the last hour' },
  { value: '86400', label: 'the last day' },
  { value: '604800', label: 'the last week' },
  { value: '7776000', label: 'all that is kept' },
]

export function ReplayCard({ endpoint, exhausted }: { endpoint: Endpoint; exhausted: number }) {
  const me = useUser()
  const [span, setSpan] = useState('86400')
  const { rows, query } = useList<Replay>(
    ['webhooks', 'replays'],
    (cursor) => api.call('GET /replays', { query: { cursor } }),
    LIVE,
  )
  const own = rows.filter((one) => one.endpoint_id === endpoint.id).slice(0, 3)
  const start = useWebhookAct(() => {
    const since = new Date(Date.now() - Number(span) * 1000).toISOString()
    return api.call('POST /replays', { body: { endpoint_id: endpoint.id, what: 'exhausted', since } })
  })
  const cancel = useWebhookAct((id: string) => api.call('DELETE /replays/:id', { params: { id } }))
  const closed = closedTo(me, 'delivery.replay', 'replay deliveries')
  const why =
    endpoint.state !== 'active'
      ? 'Resume the endpoint first.'
      : exhausted === 0
        ? 'Nothing used up its schedule.'
        : own.some((one) => one.state === 'running')
          ? 'A replay is running.'
          : undefined
  return (
    <Card title="Replay">
      <p className="text-muted">
        Deliveries that used up their schedule, once more: one attempt each, 20 a second, the same bytes.
      </p>
      <div className="flex flex-wrap items-end gap-3">
        <SelectField label="Exhausted in" value={span} options={SPANS} onChange={(event) => setSpan(event.target.value)} />
        <Button reason={closed ?? why} busy={start.isPending} onClick={() => start.mutate(undefined)}>
          Replay
        </Button>
      </div>
      <Refusal error={start.error ?? cancel.error ?? query.error} />
      {own.map((one) => (
        <div key={one.id} className="flex flex-col gap-1.5">
          <div className="flex flex-wrap items-center justify-between gap-2 text-sm">
            <span>
              {figure(one.started)} of {figure(one.total)} sent, {figure(one.succeeded)} arrived, {figure(one.failed)} failed
            </span>
            {one.state === 'running' ? (
              <Button small reason={closed} busy={cancel.isPending} onClick={() => cancel.mutate(one.id)}>
                Cancel replay
              </Button>
            ) : (
              <Badge tone={one.state === 'done' ? 'good' : 'quiet'}>{one.state}</Badge>
            )}
          </div>
          <progress
            className="h-2 w-full accent-[var(--accent)]"
            max={Math.max(1, one.total)}
            value={one.started}
            aria-label="Progress of the replay"
          />
        </div>
      ))}
    </Card>
  )
}
