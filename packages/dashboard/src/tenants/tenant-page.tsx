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
  useTitle('Tenant')
  const tenant = useTenant()
  return (
    <Sections name="Tenant" places={TENANT} title={tenant.data?.name ?? 'Tenant'}>
      <Refusal error={tenant.error} />
      {tenant.isPending && <p className="text-muted">Loading…</p>}
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
  { value: 'standard', label: 'Standard: 12 hours idle, 14 days at most' },
  { value: 'strict', label: 'Strict: 30 minutes idle, 12 hours at most' },
  { value: 'custom', label: 'Custom' },
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
    <Card title="Settings">
      <form onSubmit={submit} noValidate className="flex max-w-xl flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={save.error} placed={placed} />}
        {save.isSuccess && <Banner tone="success">Saved.</Banner>}
        <TextField
          label="Name"
          value={form.name}
          error={placed.beside.get('/name')}
          onChange={(event) => setForm({ ...form, name: event.target.value })}
        />
        <SelectField
          label="How long sessions last"
          hint="Of somebody in several tenants the strictest counts. A stricter choice holds at once."
          value={form.profile}
          options={PROFILES}
          onChange={(event) => setForm({ ...form, profile: event.target.value as Tenant['session_profile'] })}
        />
        {form.profile === 'custom' && (
          <div className="grid gap-4 sm:grid-cols-2">
            <TextField
              label="Idle, in minutes"
              hint="5 minutes to 30 days."
              type="number"
              value={form.idle}
              error={placed.beside.get('/session_idle_seconds')}
              onChange={(event) => setForm({ ...form, idle: event.target.value })}
            />
            <TextField
              label="At most, in minutes"
              hint="30 minutes to 30 days."
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
          <span>Revoke a key of this tenant that is seen where others can read it</span>
        </label>
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={save.isPending}
            reason={closedTo(me, 'tenant.update', 'change the settings')}
          >
            Save
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
    <Card title="Hosts who asked to look in">
      <Refusal error={query.error} />
      {rows.length === 0 && (
        <p className="text-muted">
          Nobody has. Hosts run this installation and see nothing of this tenant unless an owner lets them.
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
                {one.decided_as ? ` · decided by ${one.decided_as === 'owner' ? 'an owner' : 'another host'}` : ''}
              </p>
            </div>
            {one.state === 'asked' && one.task_id && (
              <Link href={paths.task(one.task_id)} className="underline">
                Answer
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
  const closed = closedTo(me, 'tenant.transfer', 'hand the tenant over')
  const people = useQuery({ queryKey: ['users', 'all'], queryFn: () => api.users.list({ limit: 200 }), enabled: !closed })
  const give = useMutation({ mutationFn: () => run(() => api.tenant.transfer(to)), onSuccess: changed })
  const others = people.data?.data.filter((one) => one.id !== me.id && one.state === 'active') ?? []
  const reason = closed ?? (to === '' ? 'Choose somebody first.' : undefined)
  return (
    <Card title="Hand over">
      <p className="text-muted">The other becomes an owner, and you an admin.</p>
      <Refusal error={give.error} />
      {give.isSuccess && <Banner tone="success">You are an admin now.</Banner>}
      <div className="flex max-w-xl flex-wrap items-end gap-3">
        <div className="grow">
          <SelectField
            label="To"
            value={to}
            disabled={closed !== undefined}
            options={[
              { value: '', label: 'Nobody yet' },
              ...others.map((one) => ({ value: one.id, label: `${one.display_name} (${one.role})` })),
            ]}
            onChange={(event) => setTo(event.target.value)}
          />
        </div>
        <Button tone="danger" reason={reason} busy={give.isPending} onClick={() => give.mutate()}>
          Hand over
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
  const closed = closedTo(me, 'tenant.close', 'close the tenant')
  const placed = placeErrors(close.error, ['/name', '/reason'])
  if (tenant.state === 'closing')
    return (
      <Card title="Closing">
        <p>
          Closed because: {tenant.state_reason}. After {exact(tenant.erased_after as string)} its keys are destroyed, and with
          them all that they sealed.
        </p>
        <Refusal error={reopen.error} />
        <div>
          <Button tone="primary" reason={closed} busy={reopen.isPending} onClick={() => reopen.mutate()}>
            Open it again
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
    <Card title="Close this tenant">
      <p className="text-muted">
        From then on it can only be read. After 30 days its keys are destroyed, and with them all that they sealed; until then it
        can be opened again.
      </p>
      <form onSubmit={submit} noValidate className="flex max-w-xl flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={close.error} placed={placed} />}
        <TextField
          label="Its name, to say that it is this one"
          autoComplete="off"
          value={form.name}
          error={placed.beside.get('/name')}
          onChange={(event) => setForm({ ...form, name: event.target.value })}
        />
        <TextField
          label="Reason"
          value={form.reason}
          error={placed.beside.get('/reason')}
          onChange={(event) => setForm({ ...form, reason: event.target.value })}
        />
        <div>
          <Button
            type="submit"
            tone="danger"
            busy={close.isPending}
            reason={closed ?? (tenant.state === 'suspended' ? 'A host has suspended it.' : undefined)}
          >
            Close the tenant
          </Button>
        </div>
      </form>
      {dialog}
    </Card>
  )
}
