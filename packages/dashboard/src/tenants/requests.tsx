// Break-glass for hosts: what was asked of whom and what became of it. Whoever asked waits and may go in; another host finds the question in their inbox once the owners had their time.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { left } from './notice.tsx'
import { useSwitch } from './switch.tsx'

export type Request = RouteAnswer<'GET /break-glass'>['data'][number]

export const REQUEST_STATES = {
  asked: { word: t('Asked'), tone: 'info' },
  open: { word: t('Open'), tone: 'warn' },
  refused: { word: t('Refused'), tone: 'bad' },
  withdrawn: { word: t('Taken back'), tone: 'quiet' },
  expired: { word: t('No answer'), tone: 'quiet' },
  closed: { word: t('Closed'), tone: 'quiet' },
} as const

export function BreakGlassRequests() {
  const { rows, query } = useList(['break-glass'], (cursor) => api.breakGlass.list({ cursor }), { refetchInterval: 10_000 })
  if (rows.length === 0) return <Refusal error={query.error} />
  return (
    <Card title={t('Requests to look into a tenant')}>
      <Refusal error={query.error} />
      <ul className="-my-1 divide-y divide-line">
        {rows.map((one) => (
          <RequestRow key={one.id} request={one} />
        ))}
      </ul>
      <More query={query} />
    </Card>
  )
}

function RequestRow({ request }: { request: Request }) {
  const me = useUser()
  const now = useNow(1_000)
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const enter = useSwitch()
  const changed = () => queries.invalidateQueries({ queryKey: ['break-glass'] })
  const close = useMutation({ mutationFn: () => run(() => api.breakGlass.close(request.id)), onSettled: changed })
  const isMine = request.host_id === me.id
  const { word, tone } = REQUEST_STATES[request.state]
  const waits = new Date(request.hosts_from).getTime() - now
  const turn =
    waits > 0
      ? t('The owners are asked first, for another {hostsFrom}; then you are, in your inbox.', {
          hostsFrom: left(request.hosts_from, now),
        })
      : t('It waits in your inbox, unless you are an owner there and were asked as such.')
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 py-3">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-medium wrap-anywhere">{request.tenant_name}</span> <Badge tone={tone}>{word}</Badge>
          {request.state === 'open' && (
            <span className="text-sm text-muted">{t('{endsAt} left', { endsAt: left(request.ends_at as string, now) })}</span>
          )}
        </p>
        <p className="text-sm text-muted" title={exact(request.asked_at)}>
          {t('{isMine} asked {when}: “{reason}”', {
            isMine: isMine ? t('You') : request.host_name,
            when: relative(request.asked_at, now),
            reason: request.reason,
          })}
        </p>
        <Refusal error={close.error ?? enter.error} />
      </div>
      <div className="flex flex-wrap items-center gap-2">
        {request.state === 'open' && isMine && (
          <Button small tone="primary" busy={enter.isPending} onClick={() => enter.mutate(request.tenant_id)}>
            {t('Go in, to read')}
          </Button>
        )}
        {request.state === 'asked' && !isMine && <p className="text-sm text-muted">{turn}</p>}
        {(request.state === 'open' || (request.state === 'asked' && isMine)) && (
          <Button small busy={close.isPending} onClick={() => close.mutate()}>
            {request.state === 'asked' ? t('Take back') : t('End')}
          </Button>
        )}
      </div>
      {dialog}
    </li>
  )
}
