// One's own tenant: its name and how long sessions last, who asked to look in, handing it over, closing it and taking that back.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { TENANT } from '../settings/sections.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { exact, relative, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Sections } from '../ui/sections.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { REQUEST_STATES } from './requests.tsx'

type Tenant = RouteAnswer<'GET /tenant'>

const useTenant = () => useQuery({ queryKey: ['tenant'], queryFn: () => api.tenant.get() })

/** After a change of the tenant: what the frame says of it too. */
function useChanged() {
  const queries = useQueryClient()
  return () => Promise.all(['tenant', 'me', 'my-tenants'].map((name) => queries.invalidateQueries({ queryKey: [name] })))
}

export function TenantPage() {
  useTitle(t('Tenant'))
  const tenant = useTenant()
  return (
    <Sections name={t('Tenant')} places={TENANT} title={tenant.data?.name ?? t('Tenant')}>
      <Refusal error={tenant.error} />
      {tenant.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {tenant.data && (
        <>
          <Settings key={tenant.dataUpdatedAt} tenant={tenant.data} />
          <Visits />
          <HandOver />
          <End tenant={tenant.data} />
        </>
      )}
    </Sections>
  )
}

const PROFILES = [
  { value: 'standard', label: t('Standard: 12 hours idle, 14 days at most') },
  { value: 'strict', label: t('Strict: 30 minutes idle, 12 hours at most') },
  { value: 'custom', label: t('Custom') },
] as const

const minutes = (seconds: number | null): string => (seconds === null ? '' : String(Math.round(seconds / 60)))

function Settings({ tenant }: { tenant: Tenant }) {
  const me = useUser()
  const changed = useChanged()
  const { run, dialog } = useStepUp()
  const [form, setForm] = useState({
    name: tenant.name,
    profile: tenant.session_profile,
    idle: minutes(tenant.session_idle_seconds),
    absolute: minutes(tenant.session_absolute_seconds),
    revoke: tenant.revoke_exposed_keys,
  })
  const save = useMutation({
    mutationFn: () =>
      run(() =>
        api.tenant.update({
          name: form.name,
          session_profile: form.profile,
          ...(form.profile === 'custom'
            ? { session_idle_seconds: Number(form.idle) * 60, session_absolute_seconds: Number(form.absolute) * 60 }
            : {}),
          revoke_exposed_keys: form.revoke,
        }),
      ),
    onSuccess: changed,
  })
  const placed = placeErrors(save.error, ['/name', '/session_idle_seconds', '/session_absolute_seconds'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate()
  }
  return (
    <Card title={t('Settings')}>
      <form onSubmit={submit} noValidate className="flex max-w-xl flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={save.error} placed={placed} />}
        {save.isSuccess && <Banner tone="success">{t('Saved.')}</Banner>}
        <TextField
          label={t('Name')}
          value={form.name}
          error={placed.beside.get('/name')}
          onChange={(event) => setForm({ ...form, name: event.target.value })}
        />
        <SelectField
          label={t('How long sessions last')}
          hint={t('Of somebody in several tenants the strictest counts. A stricter choice holds at once.')}
          value={form.profile}
          options={PROFILES}
          onChange={(event) => setForm({ ...form, profile: event.target.value as Tenant['session_profile'] })}
        />
        {form.profile === 'custom' && (
          <div className="grid gap-4 sm:grid-cols-2">
            <TextField
              label={t('Idle, in minutes')}
              hint={t('5 minutes to 30 days.')}
              type="number"
              value={form.idle}
              error={placed.beside.get('/session_idle_seconds')}
              onChange={(event) => setForm({ ...form, idle: event.target.value })}
            />
            <TextField
              label={t('At most, in minutes')}
              hint={t('30 minutes to 30 days.')}
              type="number"
              value={form.absolute}
              error={placed.beside.get('/session_absolute_seconds')}
              onChange={(event) => setForm({ ...form, absolute: event.target.value })}
            />
          </div>
        )}
        <label className="flex items-start gap-2">
          <input
            type="checkbox"
            className="mt-1.5"
            checked={form.revoke}
            onChange={(event) => setForm({ ...form, revoke: event.target.checked })}
          />
          <span>{t('Revoke a key of this tenant that is seen where others can read it')}</span>
        </label>
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={save.isPending}
            reason={closedTo(me, 'tenant.update', t('change the settings'))}
          >
            {t('Save')}
          </Button>
        </div>
      </form>
      {dialog}
    </Card>
  )
}

function Visits() {
  const now = useNow(30_000)
  const { rows, query } = useList(['tenant-visits'], (cursor) => api.breakGlass.visits({ cursor, limit: 10 }))
  return (
    <Card title={t('Hosts who asked to look in')}>
      <Refusal error={query.error} />
      {rows.length === 0 && (
        <p className="text-muted">
          {t('Nobody has. Hosts run this installation and see nothing of this tenant unless an owner lets them.')}
        </p>
      )}
      <ul className="-my-1 divide-y divide-line empty:hidden">
        {rows.map((one) => (
          <li key={one.id} className="flex flex-wrap items-center justify-between gap-3 py-3">
            <div className="min-w-0">
              <p className="flex flex-wrap items-center gap-2">
                <span className="font-medium">{one.host_name}</span>
                <Badge tone={REQUEST_STATES[one.state].tone}>{REQUEST_STATES[one.state].word}</Badge>
              </p>
              <p className="text-sm text-muted" title={exact(one.asked_at)}>
                {relative(one.asked_at, now)}: “{one.reason}”
                {one.decided_as
                  ? one.decided_as === 'owner'
                    ? ` · ${t('decided by an owner')}`
                    : ` · ${t('decided by another host')}`
                  : ''}
              </p>
            </div>
            {one.state === 'asked' && one.task_id && (
              <Link href={paths.task(one.task_id)} className="underline">
                {t('Answer')}
              </Link>
            )}
          </li>
        ))}
      </ul>
      <More query={query} />
    </Card>
  )
}

function HandOver() {
  const me = useUser()
  const changed = useChanged()
  const { run, dialog } = useStepUp()
  const [to, setTo] = useState('')
  const closed = closedTo(me, 'tenant.transfer', t('hand the tenant over'))
  const people = useQuery({ queryKey: ['users', 'all'], queryFn: () => api.users.list({ limit: 200 }), enabled: !closed })
  const give = useMutation({ mutationFn: () => run(() => api.tenant.transfer(to)), onSuccess: changed })
  const others = people.data?.data.filter((one) => one.id !== me.id && one.state === 'active') ?? []
  const reason = closed ?? (to === '' ? t('Choose somebody first.') : undefined)
  return (
    <Card title={t('Hand over')}>
      <p className="text-muted">{t('The other becomes an owner, and you an admin.')}</p>
      <Refusal error={give.error} />
      {give.isSuccess && <Banner tone="success">{t('You are an admin now.')}</Banner>}
      <div className="flex max-w-xl flex-wrap items-end gap-3">
        <div className="grow">
          <SelectField
            label={t('To')}
            value={to}
            disabled={closed !== undefined}
            options={[
              { value: '', label: t('Nobody yet') },
              ...others.map((one) => ({ value: one.id, label: `${one.display_name} (${wireWord(one.role)})` })),
            ]}
            onChange={(event) => setTo(event.target.value)}
          />
        </div>
        <Button tone="danger" reason={reason} busy={give.isPending} onClick={() => give.mutate()}>
          {t('Hand over')}
        </Button>
      </div>
      {dialog}
    </Card>
  )
}

function End({ tenant }: { tenant: Tenant }) {
  const me = useUser()
  const changed = useChanged()
  const { run, dialog } = useStepUp()
  const [form, setForm] = useState({ name: '', reason: '' })
  const close = useMutation({ mutationFn: () => run(() => api.tenant.close(form)), onSuccess: changed })
  const reopen = useMutation({ mutationFn: () => run(() => api.tenant.reopen()), onSuccess: changed })
  const closed = closedTo(me, 'tenant.close', t('close the tenant'))
  const placed = placeErrors(close.error, ['/name', '/reason'])
  if (tenant.state === 'closing')
    return (
      <Card title={t('Closing')}>
        <p>
          {t('Closed because: {stateReason}. After {when} its keys are destroyed, and with them all that they sealed.', {
            stateReason: tenant.state_reason,
            when: exact(tenant.erased_after as string),
          })}
        </p>
        <Refusal error={reopen.error} />
        <div>
          <Button tone="primary" reason={closed} busy={reopen.isPending} onClick={() => reopen.mutate()}>
            {t('Open it again')}
          </Button>
        </div>
        {dialog}
      </Card>
    )
  const submit = (event: FormEvent) => {
    event.preventDefault()
    close.mutate()
  }
  return (
    <Card title={t('Close this tenant')}>
      <p className="text-muted">
        {t(
          'From then on it can only be read. After 30 days its keys are destroyed, and with them all that they sealed; until then it can be opened again.',
        )}
      </p>
      <form onSubmit={submit} noValidate className="flex max-w-xl flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={close.error} placed={placed} />}
        <TextField
          label={t('Its name, to say that it is this one')}
          autoComplete="off"
          value={form.name}
          error={placed.beside.get('/name')}
          onChange={(event) => setForm({ ...form, name: event.target.value })}
        />
        <TextField
          label={t('Reason')}
          value={form.reason}
          error={placed.beside.get('/reason')}
          onChange={(event) => setForm({ ...form, reason: event.target.value })}
        />
        <div>
          <Button
            type="submit"
            tone="danger"
            busy={close.isPending}
            reason={closed ?? (tenant.state === 'suspended' ? t('A host has suspended it.') : undefined)}
          >
            {t('Close the tenant')}
          </Button>
        </div>
      </form>
      {dialog}
    </Card>
  )
}
