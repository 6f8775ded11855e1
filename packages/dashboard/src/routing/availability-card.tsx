// When and how one is asked oneself: times away and who stands in, how much one takes on, quiet hours, and by what one hears of tasks. Saved as a whole.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'

type Availability = RouteAnswer<'GET /me/availability'>
type Body = RouteBody<'PUT /me/availability'>
type Away = { key: string; from: string; until: string; delegate: string }

export function AvailabilityCard() {
  const read = useQuery({ queryKey: ['availability'], queryFn: () => api.call('GET /me/availability', {}) })
  return (
    <Card title={t('When and how I am asked')}>
      <Refusal error={read.error} />
      {read.data && <AvailabilityForm key={JSON.stringify(read.data)} given={read.data} />}
    </Card>
  )
}

const CHANNELS = [
  { value: '', label: t('As usual') },
  { value: 'none', label: t('In the inbox alone') },
  { value: 'email', label: t('By mail') },
  { value: 'slack', label: t('By Slack') },
  { value: 'email,slack', label: t('By mail, else by Slack') },
  { value: 'slack,email', label: t('By Slack, else by mail') },
]

/** What `datetime-local` holds: the person's own clock, to the minute. */
const local = (time: string): string => {
  const at = new Date(time)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
const wordOf = (channels: string[] | null): string => (channels === null ? '' : channels.join(',') || 'none')
const channelsOf = (word: string): string[] | null => (word === '' ? null : word === 'none' ? [] : word.split(','))
const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

function AvailabilityForm({ given }: { given: Availability }) {
  const queries = useQueryClient()
  const [typed, setTyped] = useState({
    max: given.max_open === null ? '' : String(given.max_open),
    quietFrom: given.quiet_hours?.from ?? '',
    quietUntil: given.quiet_hours?.until ?? '',
    direct: wordOf(given.notify.direct),
    shared: wordOf(given.notify.shared),
  })
  const [away, setAway] = useState<Away[]>(
    given.away.map(({ id, from, until, delegate_id }) => ({
      ...{ key: id, from: local(from), until: local(until), delegate: delegate_id ?? '' },
    })),
  )
  const save = useMutation({
    mutationFn: (body: Body) => api.call('PUT /me/availability', { body }),
    onSuccess: (saved) => queries.setQueryData(['availability'], saved),
  })
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const placed = placeErrors(save.error, ['/max_open', '/quiet_hours/from', '/quiet_hours/until'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const { max, quietFrom, quietUntil, direct, shared } = typed
    save.mutate({
      away: away
        .filter(({ from, until }) => from && until)
        .map(({ from, until, delegate }) => ({
          from: new Date(from).toISOString(),
          until: new Date(until).toISOString(),
          delegate_id: delegate || null,
        })),
      max_open: max.trim() === '' ? null : Number(max),
      quiet_hours:
        quietFrom || quietUntil
          ? { from: quietFrom, until: quietUntil, time_zone: given.quiet_hours?.time_zone ?? ownZone() }
          : null,
      notify: { direct: channelsOf(direct), shared: channelsOf(shared) },
    } as Body)
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-5">
      {placed.beside.size === 0 && <Refusal error={save.error} placed={placed} />}
      <Absences away={away} setAway={setAway} />
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField label={t('What is asked of me alone')} options={CHANNELS} {...field('direct')} />
        <SelectField label={t('What is asked of my pools')} options={CHANNELS} {...field('shared')} />
        <TextField
          label={t('No reminders from')}
          hint={t('In {timeZone}; what is urgent comes at once.', { timeZone: given.quiet_hours?.time_zone ?? ownZone() })}
          type="time"
          error={placed.beside.get('/quiet_hours/from')}
          {...field('quietFrom')}
        />
        <TextField label={t('until')} type="time" error={placed.beside.get('/quiet_hours/until')} {...field('quietUntil')} />
        <TextField
          label={t('Tasks at once, at most')}
          hint={t('Then others of the pool are asked. Empty: any number.')}
          inputMode="numeric"
          error={placed.beside.get('/max_open')}
          {...field('max')}
        />
      </div>
      <div className="flex items-center gap-3">
        <Button type="submit" tone="primary" busy={save.isPending}>
          {t('Save')}
        </Button>
        <span role="status" className="text-sm text-muted">
          {save.isSuccess ? t('Saved.') : ''}
        </span>
      </div>
    </form>
  )
}

type AbsencesProps = { away: readonly Away[]; setAway: (away: Away[]) => void }

function Absences({ away, setAway }: AbsencesProps) {
  const me = useUser()
  const people = useQuery({
    queryKey: ['users', 'delegates'],
    queryFn: () => api.call('GET /users', { query: { limit: 200 } }),
    enabled: Object.hasOwn(me.may, 'user.list'),
  })
  const others = (people.data?.data ?? []).filter((one) => one.id !== me.id && one.state === 'active')
  const change = (key: string, more: Partial<Away>) => setAway(away.map((one) => (one.key === key ? { ...one, ...more } : one)))
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="font-medium">{t('Times away')}</legend>
      {away.length === 0 && (
        <p className="text-sm text-muted">{t('None. While you are away, who stands in for you is asked in your place.')}</p>
      )}
      {away.map((one, i) => (
        <div key={one.key} className="grid items-end gap-3 rounded-lg border border-line p-3 sm:grid-cols-[1fr_1fr_1fr_auto]">
          <TextField
            label={t('Away {i}: from', { i: i + 1 })}
            type="datetime-local"
            value={one.from}
            onChange={(event) => change(one.key, { from: event.target.value })}
          />
          <TextField
            label={t('until')}
            type="datetime-local"
            value={one.until}
            onChange={(event) => change(one.key, { until: event.target.value })}
          />
          <SelectField
            label={t('Who stands in')}
            value={one.delegate}
            options={[
              { value: '', label: t('Nobody in particular') },
              ...others.map(({ id, display_name }) => ({ value: id, label: visible(display_name) })),
            ]}
            onChange={(event) => change(one.key, { delegate: event.target.value })}
          />
          <Button
            small
            tone="quiet"
            aria-label={t('Remove away {i}', { i: i + 1 })}
            onClick={() => setAway(away.filter(({ key }) => key !== one.key))}
          >
            {t('Remove')}
          </Button>
        </div>
      ))}
      <div>
        <Button small onClick={() => setAway([...away, { key: crypto.randomUUID(), from: '', until: '', delegate: '' }])}>
          {t('Add a time away')}
        </Button>
      </div>
    </fieldset>
  )
}
