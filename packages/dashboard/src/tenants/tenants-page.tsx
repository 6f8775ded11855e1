// For hosts: the tenants of the installation by name and state, and the requests to look into one. Shows nothing that lives in a tenant.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { ShownOnce } from '../pages/shown-once.tsx'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { BreakGlassRequests } from './requests.tsx'
import { useMyTenants } from './switch.tsx'

type Plate = RouteAnswer<'GET /tenants'>['data'][number]
type Act = 'suspend' | 'close' | 'resume' | 'look'

const STATES = {
  active: { word: t('Active'), tone: 'good' },
  suspended: { word: t('Suspended'), tone: 'warn' },
  closing: { word: t('Closing'), tone: 'bad' },
  erased: { word: t('Erased'), tone: 'quiet' },
} as const

export function TenantsPage() {
  useTitle(t('Tenants'))
  const me = useUser()
  const [search, setSearch] = useSearchParams()
  const [link, setLink] = useState<string | null>(null)
  const closed = closedTo(me, 'tenant.list', t('run tenants'))
  const { rows, query } = useList(['tenants'], (cursor) => api.tenants.list({ cursor }), { enabled: !closed })
  const act = search.get('act') as Act | null
  const chosen = rows.find((one) => one.id === search.get('tenant'))
  const shut = () => setSearch({})
  if (closed) return <PageTitle title={t('Tenants')}>{closed}</PageTitle>
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Tenants')}>
        <Button tone="primary" onClick={() => setSearch({ new: 'tenant' })}>
          {t('Make a tenant')}
        </Button>
      </PageTitle>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {rows.length > 0 && (
        <Card title={t('Tenants of this installation')}>
          <ul className="-my-1 divide-y divide-line">
            {rows.map((one) => (
              <TenantRow key={one.id} tenant={one} onAct={(what) => setSearch({ tenant: one.id, act: what })} />
            ))}
          </ul>
          <More query={query} />
        </Card>
      )}
      <BreakGlassRequests />
      <Dialog open={search.get('new') === 'tenant'} onClose={shut} title={t('Make a tenant')}>
        <MakeTenant
          onMade={(made) => {
            shut()
            setLink(made ?? null)
          }}
        />
      </Dialog>
      <Dialog open={act !== null && chosen !== undefined} onClose={shut} title={chosen && act ? titleOf(act, chosen.name) : ''}>
        {chosen &&
          act &&
          (act === 'look' ? (
            <AskToLook tenant={chosen} onDone={shut} />
          ) : (
            <ChangeState tenant={chosen} act={act} onDone={shut} />
          ))}
      </Dialog>
      <ShownOnce secret={link} onClose={() => setLink(null)} title={t('The invitation of its owner')} label={t('link')}>
        <p className="text-muted">
          {t('Hand it over yourself. It works once, for seven days, and only for the address you named.')}
        </p>
      </ShownOnce>
    </div>
  )
}

const titleOf = (act: Act, name: string): string =>
  ({
    suspend: t('Suspend {name}', { name }),
    close: t('Close {name}', { name }),
    resume: t('Resume {name}', { name }),
    look: t('Look into {name}', { name }),
  })[act]

function TenantRow({ tenant, onAct }: { tenant: Plate; onAct: (act: Act) => void }) {
  const mine = useMyTenants()
  const { word, tone } = STATES[tenant.state]
  const erased = tenant.state === 'erased' ? t('An erased tenant does not come back.') : undefined
  const isMine = mine.data?.some((one) => one.tenant_id === tenant.id && one.role !== null)
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 py-3">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-medium wrap-anywhere">{tenant.name}</span> <Badge tone={tone}>{word}</Badge>
        </p>
        <p className="text-sm text-muted">
          {t('since {when}', { when: exact(tenant.state_since) })}
          {tenant.state_reason ? ` · ${tenant.state_reason}` : ''}
          {tenant.erased_after ? ` · ${t('erased after {when}', { when: exact(tenant.erased_after) })}` : ''}
        </p>
      </div>
      <div className="flex flex-wrap items-center gap-2">
        <Button
          small
          reason={erased ?? (isMine ? t('You are in this tenant yourself: switch to it.') : undefined)}
          aria-label={t('Look into {name}', { name: tenant.name })}
          onClick={() => onAct('look')}
        >
          {t('Look into…')}
        </Button>
        {tenant.state === 'active' ? (
          <>
            <Button small aria-label={t('Suspend {name}', { name: tenant.name })} onClick={() => onAct('suspend')}>
              {t('Suspend…')}
            </Button>
            <Button small tone="danger" aria-label={t('Close {name}', { name: tenant.name })} onClick={() => onAct('close')}>
              {t('Close…')}
            </Button>
          </>
        ) : (
          <Button small reason={erased} aria-label={t('Resume {name}', { name: tenant.name })} onClick={() => onAct('resume')}>
            {t('Resume')}
          </Button>
        )}
      </div>
    </li>
  )
}

const SAYS: Record<Exclude<Act, 'look'>, string> = {
  suspend: t(
    'People can read and nothing changes: no task, no decision, no delivery. Its jobs wait and go on when you resume it.',
  ),
  close: t(
    'As suspended, and after 30 days its keys are destroyed: all that they sealed is gone for good. Until then it can be resumed.',
  ),
  resume: t('Everything in it goes on where it stopped.'),
}
const TO = { suspend: 'suspended', close: 'closing', resume: 'active' } as const

function ChangeState({ tenant, act, onDone }: { tenant: Plate; act: Exclude<Act, 'look'>; onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [reason, setReason] = useState('')
  const change = useMutation({
    mutationFn: () => run(() => api.tenants.update(tenant.id, { state: TO[act], ...(reason ? { reason } : {}) })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['tenants'] })
      onDone()
    },
  })
  const placed = placeErrors(change.error, ['/reason'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    change.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={change.error} placed={placed} />}
        <p className="text-muted">{SAYS[act]}</p>
        {act !== 'resume' && (
          <TextField
            label={t('Reason')}
            hint={t('The owners read it.')}
            value={reason}
            error={placed.beside.get('/reason')}
            onChange={(event) => setReason(event.target.value)}
          />
        )}
        <div>
          <Button type="submit" tone={act === 'resume' ? 'primary' : 'danger'} busy={change.isPending}>
            {titleOf(act, tenant.name)}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}

function AskToLook({ tenant, onDone }: { tenant: Plate; onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [reason, setReason] = useState('')
  const [minutes, setMinutes] = useState('30')
  const ask = useMutation({
    mutationFn: () => run(() => api.breakGlass.request({ tenant_id: tenant.id, reason, minutes: Number(minutes) })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['break-glass'] })
      onDone()
    },
  })
  const placed = placeErrors(ask.error, ['/reason', '/minutes'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    ask.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={ask.error} placed={placed} />}
        <p className="text-muted">
          {t(
            'An owner of {name} answers in their inbox; after 15 minutes without an answer another host may. You can read, change nothing, and everything you open is on their record.',
            { name: tenant.name },
          )}
        </p>
        <TextField
          label={t('Reason')}
          hint={t('At least 20 characters; they read it.')}
          value={reason}
          error={placed.beside.get('/reason')}
          onChange={(event) => setReason(event.target.value)}
        />
        <TextField
          label={t('Minutes')}
          hint={t('1 to 30.')}
          type="number"
          min={1}
          max={30}
          value={minutes}
          error={placed.beside.get('/minutes')}
          onChange={(event) => setMinutes(event.target.value)}
        />
        <div>
          <Button type="submit" tone="primary" busy={ask.isPending}>
            {t('Ask to look')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}

function MakeTenant({ onMade }: { onMade: (link: string | undefined) => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [form, setForm] = useState({ name: '', owner_email: '' })
  const make = useMutation({
    mutationFn: () =>
      run(() => api.tenants.create({ name: form.name, ...(form.owner_email ? { owner_email: form.owner_email } : {}) })),
    onSuccess: (made) => {
      void queries.invalidateQueries({ queryKey: ['tenants'] })
      void queries.invalidateQueries({ queryKey: ['my-tenants'] })
      onMade(made.link)
    },
  })
  const placed = placeErrors(make.error, ['/name', '/owner_email', '/email'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={make.error} placed={placed} />}
        <TextField
          label={t('Name')}
          value={form.name}
          error={placed.beside.get('/name')}
          onChange={(event) => setForm({ ...form, name: event.target.value })}
        />
        <TextField
          label={t('E-mail of its owner')}
          hint={t('They are invited and you stay outside. Left empty, you are its owner.')}
          type="email"
          autoComplete="off"
          value={form.owner_email}
          error={placed.beside.get('/owner_email') ?? placed.beside.get('/email')}
          onChange={(event) => setForm({ ...form, owner_email: event.target.value })}
        />
        <div>
          <Button type="submit" tone="primary" busy={make.isPending}>
            {t('Make tenant')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}
