// The key that signs posts to callback addresses: its versions, a new one or one that receivers hold already, and from when it signs. What it is, is shown once.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { ShownOnce } from '../pages/shown-once.tsx'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact, useNow } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'

type Made = RouteAnswer<'POST /compatibility-keys'>
type Version = RouteAnswer<'GET /compatibility-keys'>['data'][number]

const QUERY = ['compatibility-keys']

export function CompatibilityKeys() {
  const now = useNow()
  const [made, setMade] = useState<Made | null>(null)
  const keys = useQuery({ queryKey: QUERY, queryFn: () => api.compatibilityKeys.list() })
  const rows = keys.data?.data ?? []
  const signs = rows.find((one) => Date.parse(one.effective_at) <= now)?.version
  return (
    <Card title={t('Compatibility key')}>
      <p className="max-w-prose text-muted">
        {rich('It signs what is posted to a task’s {code}, and nothing else. Receivers of awaithumans hold it as {code2}.', {
          code: <code className="font-mono">callback_url</code>,
          code2: <code className="font-mono">AWAITHUMANS_PAYLOAD_KEY</code>,
        })}
      </p>
      <Refusal error={keys.error} />
      {keys.data && rows.length === 0 && <Empty>{t('No key yet: the first post makes one.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Compatibility keys')}
          rows={rows}
          id={(one: Version) => String(one.version)}
          columns={[
            { name: t('Version'), cell: (one) => one.version },
            { name: t('Origin'), cell: (one) => (one.origin === 'made' ? t('made here') : t('imported')) },
            { name: t('Made'), cell: (one) => <When at={one.created_at} now={now} /> },
            {
              name: t('Signs'),
              cell: (one) =>
                one.version === signs ? (
                  <Badge tone="good">{t('now')}</Badge>
                ) : Date.parse(one.effective_at) > now ? (
                  t('from {when}', { when: exact(one.effective_at) })
                ) : (
                  <span className="text-muted">{t('no more')}</span>
                ),
            },
          ]}
        />
      )}
      <NewKey isFirst={rows.length === 0} onMade={setMade} />
      <ShownOnce
        secret={made?.key ?? null}
        onClose={() => setMade(null)}
        title={t('Version {version} of the key', { version: made?.version ?? '' })}
        label={t('key')}
      >
        <p className="text-muted wrap-anywhere">
          {rich('Receivers that verify Standard Webhooks hold it as {code}.', {
            code: <code className="font-mono">{made?.secret}</code>,
          })}
        </p>
      </ShownOnce>
    </Card>
  )
}

const WHEN = [
  { value: 'now', label: t('At once') },
  { value: 'hour', label: t('In an hour') },
  { value: 'day', label: t('In a day') },
  { value: 'week', label: t('In a week') },
]
const MS: Record<string, number> = { hour: 3_600_000, day: 86_400_000, week: 604_800_000 }

function NewKey({ isFirst, onMade }: { isFirst: boolean; onMade: (made: Made) => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [key, setKey] = useState('')
  const [when, setWhen] = useState('now')
  const put = useMutation({
    mutationFn: () => {
      const after = MS[when]
      const body = {
        ...(key.trim() === '' ? {} : { key: key.trim() }),
        ...(after === undefined ? {} : { effective_at: new Date(Date.now() + after).toISOString() }),
      }
      return run(() => api.compatibilityKeys.put(body))
    },
    onSuccess: (made) => {
      setKey('')
      onMade(made)
    },
    onSettled: () => queries.invalidateQueries({ queryKey: QUERY }),
  })
  const placed = placeErrors(put.error, ['/key', '/effective_at'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!put.isPending) put.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex max-w-xl flex-col gap-4" aria-label={t('New compatibility key')}>
        {placed.beside.size === 0 && <Refusal error={put.error} placed={placed} />}
        <TextField
          label={t('A key that receivers hold already (optional)')}
          hint={t('32 bytes in base64url. Empty: a new one is made.')}
          type="password"
          autoComplete="off"
          value={key}
          error={placed.beside.get('/key')}
          onChange={(event) => setKey(event.target.value)}
        />
        {!isFirst && (
          <SelectField
            label={t('It signs')}
            hint={t('The one before signs until then, so that receivers can be given the new one first.')}
            value={when}
            options={WHEN}
            onChange={(event) => setWhen(event.target.value)}
          />
        )}
        <div>
          <Button type="submit" busy={put.isPending}>
            {key.trim() === '' ? (isFirst ? t('Make a key') : t('Replace the key')) : t('Import the key')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}
