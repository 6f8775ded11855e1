// How this tenant wants its tasks where they do not say it themselves: reminders, what is hidden, how long content is kept; and what the other clients meet, with the key that
// signs what they are sent.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { DecisionSettingsCard } from '../task/settings-card.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Sections } from '../ui/sections.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { CompatibilityKeys } from './compatibility-keys.tsx'
import { type Reminder, RemindersField } from './reminders-field.tsx'
import { TENANT } from './sections.ts'

type Settings = RouteAnswer<'GET /tasks/settings'>

const KEY = ['task-settings']
const LEVELS = [
  { value: 'none', label: t('Nothing, unless a task says so') },
  { value: 'notify', label: t('Content outside of here: messages, lists and exports hold the title alone') },
  { value: 'strict', label: t('Content everywhere, until somebody asks to see it, which is recorded') },
] as const

export function TaskSettingsPage() {
  useTitle(t('Task settings'))
  const me = useUser()
  const closed = closedTo(me, 'task.route', t('see these settings'))
  const settings = useQuery({
    queryKey: KEY,
    queryFn: () => api.call('GET /tasks/settings'),
    enabled: closed === undefined,
  })
  return (
    <Sections name={t('Tenant')} places={TENANT} title={t('Tasks')}>
      {closed && <Banner tone="info">{closed}</Banner>}
      <Refusal error={settings.error} />
      {settings.data && <Defaults settings={settings.data} />}
      <DecisionSettingsCard />
      {settings.data && <OtherClients settings={settings.data} />}
      {closedTo(me, 'task.configure', '') === undefined && <CompatibilityKeys />}
    </Sections>
  )
}

function useSave() {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const save = useMutation({
    mutationFn: (body: Partial<Settings>) => run(() => api.call('PUT /tasks/settings', { body })),
    onSuccess: (saved) => queries.setQueryData(KEY, saved),
  })
  return { save, dialog, closed: closedTo(useUser(), 'task.configure', t('change these settings')) }
}

function Defaults({ settings }: { settings: Settings }) {
  const { save, dialog, closed } = useSave()
  const [days, setDays] = useState(String(settings.retention_days))
  const [redact, setRedact] = useState(settings.redact)
  const [reminders, setReminders] = useState<Reminder[] | null>(settings.reminders)
  const placed = placeErrors(save.error, ['/retention_days', '/reminders'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate({ retention_days: Number(days), redact, reminders })
  }
  return (
    <Card title={t('Where a task does not say it itself')}>
      <form onSubmit={submit} noValidate className="flex max-w-xl flex-col gap-5" aria-label={t('Defaults of tasks')}>
        {placed.beside.size === 0 && <Refusal error={save.error} placed={placed} />}
        {save.isSuccess && <Banner tone="success">{t('Saved.')}</Banner>}
        <RemindersField value={reminders} error={placed.beside.get('/reminders')} onChange={setReminders} />
        <SelectField
          label={t('What tasks hide at least')}
          hint={t(
            'A task may hide more. Counts for tasks that are asked from now on; a model that checks answers then needs leave to see what is hidden.',
          )}
          value={redact}
          options={LEVELS}
          onChange={(event) => setRedact(event.target.value as Settings['redact'])}
        />
        <TextField
          label={t('Content is kept, in days')}
          hint={t(
            'From the end of a task on, 1 to 3650. Then its content is erased; who decided what and when remains, and still verifies.',
          )}
          inputMode="numeric"
          value={days}
          error={placed.beside.get('/retention_days')}
          onChange={(event) => setDays(event.target.value)}
        />
        <div>
          <Button type="submit" tone="primary" busy={save.isPending} reason={closed}>
            {t('Save')}
          </Button>
        </div>
      </form>
      {dialog}
    </Card>
  )
}

function OtherClients({ settings }: { settings: Settings }) {
  const { save, dialog, closed } = useSave()
  return (
    <Card title={t('Clients of awaithumans')}>
      <p className="max-w-prose text-muted">
        {rich('They talk to {code} of this server as they did to their own.', { code: <code className="font-mono">/api</code> })}
      </p>
      <Refusal error={save.error} />
      <SelectField
        label={t('Another question under a known key')}
        hint={t(
          'They expect the first answer when they resume. Refusing shows when two questions were given one key by mistake.',
        )}
        value={settings.compat_strict_replay ? 'refuse' : 'first'}
        options={[
          { value: 'first', label: t('Gets the first question’s answer; the task says so') },
          { value: 'refuse', label: t('Is refused') },
        ]}
        disabled={save.isPending || closed !== undefined}
        onChange={(event) => save.mutate({ compat_strict_replay: event.target.value === 'refuse' })}
      />
      {dialog}
    </Card>
  )
}
