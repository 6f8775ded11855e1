// Pages of others that may show tasks, and the tokens that do so now.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { CHANNELS } from '../slack/channels.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { Sections } from '../ui/sections.tsx'
import { TextField } from '../ui/text-field.tsx'

type Origin = RouteAnswer<'GET /embed/origins'>['data'][number]
type Token = RouteAnswer<'GET /embed/tokens'>['data'][number]

export function EmbedsPage() {
  useTitle(t('Embedded pages'))
  const me = useUser()
  const closed = closedTo(me, 'task.configure', t('set up channels'))
  return (
    <Sections name={t('Channels')} places={CHANNELS} title={t('Embedded pages')}>
      {closed ? (
        <Banner tone="info">{closed}</Banner>
      ) : (
        <>
          <Origins />
          <Tokens />
        </>
      )}
    </Sections>
  )
}

function Origins() {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [origin, setOrigin] = useState('')
  const list = useQuery({ queryKey: ['embed', 'origins'], queryFn: () => api.call('GET /embed/origins') })
  const onSettled = () => queries.invalidateQueries({ queryKey: ['embed', 'origins'] })
  const add = useMutation({
    mutationFn: () => run(() => api.call('POST /embed/origins', { body: { origin: origin.trim() } })),
    onSuccess: () => setOrigin(''),
    onSettled,
  })
  const remove = useMutation({
    mutationFn: (id: string) => run(() => api.call('DELETE /embed/origins/:id', { params: { id } })),
    onSettled,
  })
  const placed = placeErrors(add.error, ['/origin'])
  const rows: Origin[] = list.data?.data ?? []
  const submit = (event: FormEvent) => {
    event.preventDefault()
    add.mutate()
  }
  return (
    <Card title={t('Pages that may show tasks')}>
      <p className="text-muted">
        {t('Your server mints a token for one task and one of these pages; the page holds it in a frame, and nobody else can.')}
      </p>
      <Refusal error={list.error ?? remove.error} />
      {list.data && rows.length === 0 && <Empty>{t('None yet: no task is shown outside of here.')}</Empty>}
      {rows.length > 0 && (
        <ul className="flex flex-col divide-y divide-line" aria-label={t('Pages that may show tasks')}>
          {rows.map((one) => (
            <li key={one.id} className="flex flex-wrap items-center justify-between gap-3 py-2">
              <code className="font-mono text-sm wrap-anywhere">{one.origin}</code>
              <Confirm
                name={t('Remove')}
                title={t('Remove {origin}', { origin: one.origin })}
                confirm={t('Remove it')}
                busy={remove.isPending}
                onConfirm={() => remove.mutate(one.id)}
              >
                {t(
                  'No token is minted for it from now on. Those that are out end within the hour; revoke them below to end them now.',
                )}
              </Confirm>
            </li>
          ))}
        </ul>
      )}
      <form onSubmit={submit} noValidate className="flex flex-col gap-3" aria-label={t('Add a page')}>
        {placed.beside.size === 0 && <Refusal error={add.error} />}
        <TextField
          label={t('Origin')}
          hint={t('https://app.example.com, or https://*.example.com for every name right below; http for localhost alone.')}
          value={origin}
          error={placed.beside.get('/origin')}
          onChange={(event) => setOrigin(event.target.value)}
        />
        <div>
          <Button type="submit" tone="primary" busy={add.isPending}>
            {t('Allow it')}
          </Button>
        </div>
      </form>
      {dialog}
    </Card>
  )
}

function Tokens() {
  const now = useNow()
  const queries = useQueryClient()
  const { rows, query } = useList<Token>(
    ['embed', 'tokens'],
    (cursor) => api.call('GET /embed/tokens', { query: { live: true, cursor } }),
    {
      refetchInterval: 10_000,
    },
  )
  const revoke = useMutation({
    mutationFn: (id: string) => api.call('DELETE /embed/tokens/:id', { params: { id } }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['embed', 'tokens'] }),
  })
  return (
    <Card title={t('Shown right now')}>
      <Refusal error={query.error ?? revoke.error} />
      {query.data && rows.length === 0 && <Empty>{t('No token is live.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Live tokens')}
          rows={rows}
          id={(one) => one.id}
          columns={[
            {
              name: t('Task'),
              cell: (one) => (
                <Link href={paths.task(one.task_id)} className="font-mono text-xs wrap-anywhere">
                  {one.task_id}
                </Link>
              ),
            },
            { name: t('Where'), cell: (one) => <span className="wrap-anywhere">{one.parent_origin}</span> },
            {
              name: t('Who'),
              cell: (one) => (one.sub === null ? <span className="text-muted">{t('not said')}</span> : visible(one.sub)),
            },
            { name: t('May'), cell: (one) => one.allow.join(', ') || t('look') },
            { name: t('Ends'), cell: (one) => <When at={one.expires_at} now={now} /> },
            {
              name: t('Acts'),
              cell: (one) => (
                <Confirm
                  name={t('Revoke')}
                  title={t('Revoke the token of {taskId}', { taskId: one.task_id })}
                  confirm={t('Revoke it')}
                  busy={revoke.isPending}
                  onConfirm={() => revoke.mutate(one.id)}
                >
                  {t('The frame that shows the task stops working at once.')}
                </Confirm>
              ),
            },
          ]}
        />
      )}
      <More query={query} />
    </Card>
  )
}
