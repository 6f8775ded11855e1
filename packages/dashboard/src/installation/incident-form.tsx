// What a host writes about an incident or a maintenance: the first words, or the next ones. It is shown to everybody as it is written here.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'

export type Incident = RouteAnswer<'GET /incidents'>['data'][number]
type New = RouteBody<'POST /incidents'>
type Change = RouteBody<'PATCH /incidents/:id'>

export const SEVERITIES = [
  { value: 'SEV-1', label: t('SEV-1: nothing works, or data is at risk') },
  { value: 'SEV-2', label: t('SEV-2: a main part does not work') },
  { value: 'SEV-3', label: t('SEV-3: slow, or a side part does not work') },
  { value: 'SEV-4', label: t('SEV-4: hardly anybody notices') },
] as const

export const STATUS_WORDS: Record<Incident['status'], string> = {
  investigating: t('Investigating'),
  identified: t('Identified'),
  monitoring: t('Watching'),
  resolved: t('Resolved'),
  scheduled: t('Planned'),
  in_progress: t('Under way'),
  completed: t('Done'),
}
const OF_INCIDENT = ['investigating', 'identified', 'monitoring', 'resolved'] as const
const OF_MAINTENANCE = ['scheduled', 'in_progress', 'completed'] as const

const words = (statuses: readonly Incident['status'][]) => statuses.map((value) => ({ value, label: STATUS_WORDS[value] }))

/** The browser's own field speaks of local time without a zone. */
const asTime = (local: string): string | undefined => (local === '' ? undefined : new Date(local).toISOString())

export function Announce({ components, onDone }: { components: readonly { name: string; title: string }[]; onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [kind, setKind] = useState<'incident' | 'maintenance'>('incident')
  const [severity, setSeverity] = useState<NonNullable<New['severity']>>('SEV-3')
  const [form, setForm] = useState({ title: '', body: '', component: '', starts: '', ends: '', data: false })
  const announce = useMutation({
    mutationFn: () => {
      const both = { kind, title: form.title, body: form.body, components: form.component ? [form.component] : [] }
      const body: New =
        kind === 'incident'
          ? { ...both, severity, customer_data: form.data }
          : { ...both, starts_at: asTime(form.starts), ends_at: asTime(form.ends) }
      return run(() => api.incidents.announce(body))
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['installation'] })
      onDone()
    },
  })
  const placed = placeErrors(announce.error, ['/title', '/body', '/starts_at', '/ends_at'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    announce.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={announce.error} placed={placed} />}
        <SelectField
          label={t('What is it?')}
          value={kind}
          options={[
            { value: 'incident', label: t('An incident: something does not work') },
            { value: 'maintenance', label: t('A maintenance: something is planned') },
          ]}
          onChange={(event) => setKind(event.target.value as typeof kind)}
        />
        {kind === 'incident' && (
          <SelectField
            label={t('How bad is it?')}
            value={severity}
            options={SEVERITIES}
            onChange={(event) => setSeverity(event.target.value as typeof severity)}
          />
        )}
        <TextField
          label={t('Title')}
          value={form.title}
          maxLength={200}
          error={placed.beside.get('/title')}
          onChange={(event) => setForm({ ...form, title: event.target.value })}
        />
        <TextArea
          label={t('What people should know')}
          hint={t('What does not work, whom it concerns, and when you will say more. It cannot be taken back.')}
          rows={4}
          maxLength={5_000}
          value={form.body}
          error={placed.beside.get('/body')}
          onChange={(event) => setForm({ ...form, body: event.target.value })}
        />
        <SelectField
          label={t('Component')}
          value={form.component}
          options={[
            { value: '', label: t('The whole installation') },
            ...components.map(({ name, title }) => ({ value: name, label: title })),
          ]}
          onChange={(event) => setForm({ ...form, component: event.target.value })}
        />
        {kind === 'maintenance' && (
          <div className="grid gap-4 sm:grid-cols-2">
            <TextField
              label={t('Starts')}
              type="datetime-local"
              value={form.starts}
              error={placed.beside.get('/starts_at')}
              onChange={(event) => setForm({ ...form, starts: event.target.value })}
            />
            <TextField
              label={t('Ends')}
              type="datetime-local"
              value={form.ends}
              error={placed.beside.get('/ends_at')}
              onChange={(event) => setForm({ ...form, ends: event.target.value })}
            />
          </div>
        )}
        {kind === 'incident' && (
          <Check checked={form.data} onChange={(data) => setForm({ ...form, data })}>
            {t('It touches customers’ data. Those concerned must then be told within 24 hours of its being noticed.')}
          </Check>
        )}
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" tone="primary" busy={announce.isPending}>
            {t('Announce')}
          </Button>
          <p className="text-sm text-muted">{t('Shown on the status page and told to every tenant.')}</p>
        </div>
      </form>
      {dialog}
    </>
  )
}

export function SayMore({ incident, onDone }: { incident: Incident; onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [status, setStatus] = useState(incident.status)
  const [severity, setSeverity] = useState(incident.severity)
  const [body, setBody] = useState('')
  const [notified, setNotified] = useState(false)
  const owes = incident.notify_by !== null && incident.notified_at === null
  const say = useMutation({
    mutationFn: () => {
      const change: Change = { status, body, ...(severity ? { severity } : {}), ...(owes && notified ? { notified: true } : {}) }
      return run(() => api.incidents.update(incident.id, change))
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['installation'] })
      onDone()
    },
  })
  const placed = placeErrors(say.error, ['/body'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    say.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={say.error} placed={placed} />}
        <div className="grid gap-4 sm:grid-cols-2">
          <SelectField
            label={t('Where it stands')}
            value={status}
            options={words(incident.kind === 'incident' ? OF_INCIDENT : OF_MAINTENANCE)}
            onChange={(event) => setStatus(event.target.value as Incident['status'])}
          />
          {severity && (
            <SelectField
              label={t('How bad it is')}
              value={severity}
              options={SEVERITIES}
              onChange={(event) => setSeverity(event.target.value as NonNullable<Incident['severity']>)}
            />
          )}
        </div>
        <TextArea
          label={t('What people should know')}
          hint={t('What does not work, whom it concerns, and when you will say more. It cannot be taken back.')}
          rows={4}
          maxLength={5_000}
          value={body}
          error={placed.beside.get('/body')}
          onChange={(event) => setBody(event.target.value)}
        />
        {owes && (
          <Check checked={notified} onChange={setNotified}>
            {t('Those concerned were told.')}
          </Check>
        )}
        <div>
          <Button type="submit" tone="primary" busy={say.isPending}>
            {t('Say it')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}

function Check({ checked, onChange, children }: { checked: boolean; onChange: (checked: boolean) => void; children: string }) {
  return (
    <label className="flex items-start gap-2.5">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} className="mt-1 size-4" />
      <span>{children}</span>
    </label>
  )
}
