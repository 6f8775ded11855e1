// Taking the record home (P118): a job writes it, the bar follows it, and the finished file is put together here, piece by piece.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { figure, When } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { useNow } from '../time.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Progress } from '../ui/progress.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'

type Export = RouteAnswer<'GET /audit/exports/:id'>
type Format = Export['format']

const TONES: Record<Export['state'], Tone> = { running: 'info', ready: 'good', failed: 'bad', expired: 'quiet' }
const KEY = ['audit', 'exports']

export function ExportCard() {
  const me = useUser()
  const now = useNow()
  const queries = useQueryClient()
  const [format, setFormat] = useState<Format>('ndjson')
  const closed = closedTo(me, 'audit.export', t('export the record'))
  const list = useQuery({
    queryKey: KEY,
    queryFn: () => api.call('GET /audit/exports', { query: { limit: 5 } }),
    enabled: closed === undefined,
    refetchInterval: (query) => (query.state.data?.data.some((one) => one.state === 'running') ? 700 : false),
  })
  const make = useMutation({
    mutationFn: () => api.call('POST /audit/exports', { body: { format } }),
    onSettled: () => queries.invalidateQueries({ queryKey: KEY }),
  })
  const running = list.data?.data.some((one) => one.state === 'running') ? t('One export at a time.') : undefined
  return (
    <Card title={t('Export')}>
      <p className="text-muted">
        {t(
          'The whole record with the exact text of each event. The file verifies by itself, without this server. It is kept for seven days.',
        )}
      </p>
      <div className="flex flex-wrap items-end gap-3">
        <div className="min-w-52 grow">
          <SelectField
            label={t('Format')}
            value={format}
            onChange={(event) => setFormat(event.target.value as Format)}
            options={[
              { value: 'ndjson', label: t('NDJSON, verifies') },
              { value: 'csv', label: t('CSV, for spreadsheets') },
            ]}
          />
        </div>
        <Button tone="primary" reason={closed ?? running} busy={make.isPending} onClick={() => make.mutate()}>
          {t('Export')}
        </Button>
      </div>
      <Refusal error={make.error ?? list.error} />
      <ul className="flex flex-col divide-y divide-line">
        {(list.data?.data ?? []).map((one) => (
          <li key={one.id} className="flex flex-col gap-2 py-3 last:pb-0">
            <span className="flex flex-wrap items-center gap-2 text-sm">
              <Badge tone={TONES[one.state]}>{wireWord(one.state)}</Badge>
              {one.format}
              {' · '}
              {t('{written} events', { written: figure(one.written) })}
              {' · '}
              <When at={one.created_at} now={now} />
            </span>
            {one.state === 'running' && (
              <Progress
                label={t('Progress of {id}', { id: one.id })}
                value={one.total === null ? null : one.written}
                max={one.total ?? 1}
              />
            )}
            {one.state === 'ready' && <Save one={one} />}
            {one.error && <span className="text-sm text-danger">{one.error}</span>}
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Save({ one }: { one: Export }) {
  const save = useMutation({ mutationFn: () => saveFile(one) })
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Button small busy={save.isPending} aria-label={t('Save {id}', { id: one.id })} onClick={() => save.mutate()}>
        {save.isPending ? t('Reading…') : t('Save file')}
      </Button>
      <Refusal error={save.error} />
    </div>
  )
}

async function saveFile(one: Export): Promise<void> {
  const parts: string[] = []
  for await (const text of api.audit.read(one.id)) parts.push(text)
  const url = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `record-${one.created_at.slice(0, 10)}.${one.format}`
  link.click()
  URL.revokeObjectURL(url)
}
