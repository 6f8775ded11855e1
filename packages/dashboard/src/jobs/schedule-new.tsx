// The form of a new schedule. What it refuses beside a field, the server refused; only the payload is looked at here, for it must be JSON to be sent.
import type { RouteBody } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useAct } from './frame.tsx'
import { readTyped } from './json.ts'

type New = RouteBody<'POST /schedules'>

const MISSED = [
  { value: 'coalesce', label: t('made up for once') },
  { value: 'catch_up', label: t('all made up for') },
  { value: 'skip', label: t('left out') },
]
const OVERLAP = [
  { value: 'allow', label: t('runs beside it') },
  { value: 'skip', label: t('is left out') },
  { value: 'replace', label: t('takes its place') },
]

export function NewSchedule({ onDone }: { onDone: () => void }) {
  const [form, setForm] = useState({ name: '', cron: '', timezone: 'UTC', kind: '', missed: 'coalesce', overlap: 'allow' })
  const [payload, setPayload] = useState('')
  const typed = readTyped(payload)
  const create = useAct((body: New) => api.call('POST /schedules', { body }), onDone)
  const placed = placeErrors(create.error, ['/name', '/cron', '/timezone', '/kind', '/payload'])
  const set = (change: Partial<typeof form>) => setForm({ ...form, ...change })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (typed.fault === undefined) create.mutate({ ...form, payload: typed.value } as New)
  }
  const line = (label: string, name: 'name' | 'cron' | 'timezone' | 'kind', hint?: string) => (
    <TextField
      label={label}
      hint={hint}
      value={form[name]}
      error={placed.beside.get(`/${name}`)}
      onChange={(event) => set({ [name]: event.target.value })}
    />
  )
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      {placed.beside.size === 0 && <Refusal error={create.error} placed={placed} />}
      {line(t('Name'), 'name')}
      {line(t('Times'), 'cron', t('Five or six cron fields, or a word like @hourly.'))}
      {line(t('Time zone'), 'timezone', t('For instance Europe/Berlin.'))}
      {line(t('Kind of job'), 'kind')}
      <TextField
        label={t('Payload')}
        hint={t('JSON, or nothing.')}
        value={payload}
        error={typed.fault ?? placed.beside.get('/payload')}
        onChange={(event) => setPayload(event.target.value)}
      />
      <SelectField
        label={t('A missed time is')}
        value={form.missed}
        options={MISSED}
        onChange={(event) => set({ missed: event.target.value })}
      />
      <SelectField
        label={t('When the last one still runs, the next')}
        value={form.overlap}
        options={OVERLAP}
        onChange={(event) => set({ overlap: event.target.value })}
      />
      <div>
        <Button type="submit" tone="primary" busy={create.isPending}>
          {t('Make schedule')}
        </Button>
      </div>
    </form>
  )
}
