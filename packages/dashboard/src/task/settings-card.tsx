// How a tenant decides: stepping in, the least proof, separation of duties, critical tasks, reasons of denials. A change counts from the next decision on.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'

type Settings = RouteAnswer<'GET /decision-settings'>

const KEY = ['decision-settings']

const ASSURANCES = [
  { value: 'link', label: t('A link, or anything above it') },
  { value: 'channel', label: t('A linked Slack person, or anything above it') },
  { value: 'session', label: t('Signed in here') },
  { value: 'step_up', label: t('Signed in here, with the password of the last ten minutes') },
] as const
const SEPARATIONS = [
  { value: 'asked', label: t('Where a task says so, for several people, for critical tasks') },
  { value: 'high', label: t('For every task of high risk too') },
  { value: 'all', label: t('Always') },
] as const
const CRITICAL = [
  { value: '2', label: t('Two people') },
  { value: '1', label: t('One person') },
] as const

export function DecisionSettingsCard() {
  const settings = useQuery({ queryKey: KEY, queryFn: () => api.decisionSettings.get() })
  return (
    <Card title={t('How decisions are made')}>
      <Refusal error={settings.error} />
      {settings.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {settings.data && <Form settings={settings.data} />}
    </Card>
  )
}

function Form({ settings }: { settings: Settings }) {
  const me = useUser()
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [form, setForm] = useState(settings)
  const save = useMutation({
    mutationFn: () => run(() => api.decisionSettings.update(form)),
    onSuccess: (saved) => queries.setQueryData(KEY, saved),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate()
  }
  const change = (part: Partial<Settings>) => setForm({ ...form, ...part })
  return (
    <>
      <form onSubmit={submit} noValidate className="flex max-w-xl flex-col gap-4" aria-label={t('How decisions are made')}>
        <Refusal error={save.error} />
        {save.isSuccess && <Banner tone="success">{t('Saved.')}</Banner>}
        <SelectField
          label={t('The least that a decision needs')}
          hint={t('High and critical risk need a fresh password whatever stands here.')}
          value={form.decision_assurance}
          options={ASSURANCES}
          onChange={(event) => change({ decision_assurance: event.target.value as Settings['decision_assurance'] })}
        />
        <SelectField
          label={t('Nobody on the side that asks is counted')}
          value={form.separate_duties}
          options={SEPARATIONS}
          onChange={(event) => change({ separate_duties: event.target.value as Settings['separate_duties'] })}
        />
        <SelectField
          label={t('A critical task needs')}
          value={String(form.critical_quorum)}
          options={CRITICAL}
          onChange={(event) => change({ critical_quorum: event.target.value === '1' ? 1 : 2 })}
        />
        <Check
          label={t('Operators, admins and owners may decide what they were not asked, with a reason')}
          checked={form.step_in}
          onChange={(step_in) => change({ step_in })}
        />
        <Check
          label={t('Whoever denies a proposed action says why')}
          checked={form.deny_reason}
          onChange={(deny_reason) => change({ deny_reason })}
        />
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={save.isPending}
            reason={closedTo(me, 'task.configure', t('change how decisions are made'))}
          >
            {t('Save')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}

const Check = ({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }) => (
  <label className="flex items-start gap-2">
    <input type="checkbox" className="mt-1.5" checked={checked} onChange={(event) => onChange(event.target.checked)} />
    <span>{label}</span>
  </label>
)
