// A pool: its name, who is in it, and how one of them is chosen. Faults stand beside the field that has them.
import type { RouteBody } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { type Pool, type RoutedPerson, useRoutingAct } from './frame.tsx'

type Body = RouteBody<'POST /pools'>

export const STRATEGIES = [
  { value: 'least_recent', label: t('Whoever was asked longest ago') },
  { value: 'least_open', label: t('Whoever has least before them') },
  { value: 'broadcast', label: t('Everybody; the first to claim holds it') },
]

type Props = { pool: Pool | null; people: readonly RoutedPerson[]; onDone: () => void }

export function PoolForm({ pool, people, onDone }: Props) {
  const [typed, setTyped] = useState({
    name: pool?.name ?? '',
    description: pool?.description ?? '',
    strategy: pool?.strategy ?? 'least_recent',
    minutes: pool?.claim_seconds ? String(pool.claim_seconds / 60) : '',
  })
  const [members, setMembers] = useState<ReadonlySet<string>>(new Set(pool?.members ?? []))
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const save = useRoutingAct((body: Body) => {
    if (pool === null) return api.call('POST /pools', { body })
    return api.call('PUT /pools/:id', { params: { id: pool.id }, body })
  }, onDone)
  const placed = placeErrors(save.error, ['/name', '/description', '/claim_seconds'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const { name, description, strategy, minutes } = typed
    const claim_seconds = minutes.trim() === '' ? null : Math.round(Number(minutes) * 60)
    save.mutate({ name, description, strategy, claim_seconds, members: [...members] } as Body)
  }
  const toggle = (id: string) => {
    const next = new Set(members)
    if (!next.delete(id)) next.add(id)
    setMembers(next)
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      {placed.beside.size === 0 && <Refusal error={save.error} placed={placed} />}
      <TextField
        label={t('Name')}
        hint={t('Agents ask by it, in any case.')}
        error={placed.beside.get('/name')}
        {...field('name')}
      />
      <TextField label={t('What it is for')} error={placed.beside.get('/description')} {...field('description')} />
      <SelectField label={t('Who of them is asked')} options={STRATEGIES} {...field('strategy')} />
      <TextField
        label={t('A claim lasts, in minutes')}
        hint={t('Then it goes back to all who were asked. Empty: until it is answered or given back.')}
        inputMode="decimal"
        error={placed.beside.get('/claim_seconds')}
        {...field('minutes')}
      />
      <fieldset className="flex flex-col gap-1">
        <legend className="font-medium">{t('Members')}</legend>
        <div className="flex max-h-60 flex-col overflow-y-auto rounded-lg border border-line p-2">
          {people.map((one) => (
            <label key={one.user_id} className="flex min-h-9 items-center gap-2 rounded-md px-2 hover:bg-sunken">
              <input
                type="checkbox"
                checked={members.has(one.user_id)}
                onChange={() => toggle(one.user_id)}
                className="size-4 accent-accent"
              />
              <span className="wrap-anywhere">{visible(one.display_name)}</span>
              <span className="text-sm text-muted">{wireWord(one.role)}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div>
        <Button type="submit" tone="primary" busy={save.isPending}>
          {pool === null ? t('Make pool') : t('Save pool')}
        </Button>
      </div>
    </form>
  )
}
