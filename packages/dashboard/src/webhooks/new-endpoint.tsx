// A new endpoint: where, which events, how it is signed and in what order. Faults stand beside the field that has them.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useWebhookAct } from './frame.tsx'

type Made = RouteAnswer<'POST /endpoints'>
type Body = RouteBody<'POST /endpoints'>

export const MODES = [
  { value: 'standard', label: t('Standard Webhooks') },
  { value: 'stripe', label: t('as Stripe does') },
  { value: 'github', label: t('as GitHub does') },
  { value: 'awaithumans', label: t('awaithumans') },
  { value: 'foragent', label: t('foragent') },
]
const ORDERS = [
  { value: 'none', label: t('as they come') },
  { value: 'fifo', label: t('one after the other for each resource') },
]

export function NewEndpoint({ onMade }: { onMade: (made: Made) => void }) {
  const [typed, setTyped] = useState({ url: '', events: 'task.*', label: '', mode: 'standard', ordering: 'none' })
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const create = useWebhookAct(
    () => api.call('POST /endpoints', { body: { ...typed, mode: typed.mode, ordering: typed.ordering } as Body }),
    onMade,
  )
  const placed = placeErrors(create.error, ['/url', '/events', '/label'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate(undefined)
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      {placed.beside.size === 0 && <Refusal error={create.error} />}
      <TextField
        label={t('URL')}
        hint={t('An https address that people and programs outside can reach.')}
        placeholder={t('https://example.com/hooks/countersign')}
        type="url"
        error={placed.beside.get('/url')}
        {...field('url')}
      />
      <TextField
        label={t('Events')}
        hint={t('Types with commas between, task.* for all of an area, or * for everything.')}
        error={placed.beside.get('/events')}
        {...field('events')}
      />
      <TextField
        label={t('Name')}
        hint={t('For people, such as “Billing”.')}
        error={placed.beside.get('/label')}
        {...field('label')}
      />
      <SelectField label={t('Signature')} options={MODES} {...field('mode')} />
      <SelectField label={t('Order')} options={ORDERS} {...field('ordering')} />
      <p className="text-sm text-muted">{t('It gets a ping first; what happens until it answers is held, and sent then.')}</p>
      <div>
        <Button type="submit" tone="primary" busy={create.isPending}>
          {t('Add endpoint')}
        </Button>
      </div>
    </form>
  )
}
