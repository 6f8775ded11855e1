// Letting somebody in who has no account here (relay.md R29): for which agent, who, what for, and how narrowly. The token is shown once, to whoever asked for it.
import type { IssuedRelayToken } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'
import { useRelayAct } from './words.tsx'

const DAY = 86_400

export function NewRelayGrant({ agent, onMade }: { agent: string | undefined; onMade: (made: IssuedRelayToken) => void }) {
  const { run, dialog } = useStepUp()
  const cards = useQuery({
    queryKey: ['relay', 'cards', 'names'],
    queryFn: () => api.call('GET /cards', { query: { state: 'active' as const, limit: 200 } }),
  })
  const names = cards.data?.data ?? []
  const [typed, setTyped] = useState({ agent: agent ?? '', label: '', purpose: '', skill: '', days: '90' })
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const chosen = typed.agent || (names[0]?.slug ?? '')
  const skills = names.find(({ slug }) => slug === chosen)?.skills ?? []
  const make = useRelayAct(
    () =>
      run(() =>
        api.call('POST /relay-grants', {
          body: {
            ...{ agent: chosen, label: typed.label, purpose: typed.purpose },
            ...(typed.skill === '' ? {} : { skills: [typed.skill] }),
            ...(typed.days.trim() === '' ? {} : { expires_in_seconds: Math.round(Number(typed.days) * DAY) }),
          },
        }),
      ),
    onMade,
  )
  const placed = placeErrors(make.error, ['/label', '/purpose', '/expires_in_seconds', '/skills'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate(undefined)
  }
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      <Refusal error={cards.error} />
      {cards.data && names.length === 0 && <p className="text-muted">{t('Save a card of an agent first.')}</p>}
      <SelectField
        label={t('Agent')}
        options={names.map(({ slug, name }) => ({ value: slug, label: `${visible(name)} (${slug})` }))}
        {...field('agent')}
        value={chosen}
      />
      <TextField
        label={t('Who it is')}
        hint={t('Shown in the inbox, on threads and in the record.')}
        error={placed.beside.get('/label')}
        {...field('label')}
      />
      <TextArea label={t('What for')} rows={2} error={placed.beside.get('/purpose')} {...field('purpose')} />
      <SelectField
        label={t('Skill')}
        options={[{ value: '', label: t('every skill') }, ...skills.map(({ id, name }) => ({ value: id, label: visible(name) }))]}
        {...field('skill')}
      />
      <TextField
        label={t('For how many days')}
        inputMode="decimal"
        error={placed.beside.get('/expires_in_seconds')}
        {...field('days')}
      />
      <Refusal error={make.error} placed={placed} />
      <div>
        <Button
          type="submit"
          tone="primary"
          busy={make.isPending}
          reason={names.length === 0 ? t('There is no card.') : undefined}
        >
          {t('Make the relay token')}
        </Button>
      </div>
      {dialog}
    </form>
  )
}
