// Changes an endpoint: where it is, which events it gets, how they are signed and how fast they come. Sends what was changed and nothing else, so that two people
// who change different things do not undo each other's. Faults stand beside the field that has them; secrets have a card of their own.
import type { RouteBody } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { type Endpoint, useWebhookAct } from './frame.tsx'
import { MODES } from './new-endpoint.tsx'

type Change = RouteBody<'PATCH /endpoints/:id'>

const FORMS = [
  { value: '', label: t('full, but sensitive types thin') },
  { value: 'false', label: t('full') },
  { value: 'true', label: t('thin: ids and an address') },
]

const shown = (endpoint: Endpoint) => ({
  url: endpoint.url,
  events: endpoint.events.join(', '),
  label: endpoint.label,
  mode: endpoint.mode as string,
  thin: endpoint.thin === null ? '' : String(endpoint.thin),
  rate_per_second: endpoint.rate_per_second === null ? '' : String(endpoint.rate_per_second),
  max_in_flight: String(endpoint.max_in_flight),
  timeout_seconds: String(endpoint.timeout_seconds),
})
type Typed = ReturnType<typeof shown>

/** A number as typed; what is none goes to the server as it is, which says so beside the field. */
const number = (typed: string) => (/^\d+(\.\d+)?$/.test(typed.trim()) ? Number(typed) : typed) as number

function changed(before: Typed, now: Typed): Change {
  const isNew = (name: keyof Typed) => before[name] !== now[name]
  return {
    ...(isNew('url') && { url: now.url }),
    ...(isNew('events') && { events: now.events }),
    ...(isNew('label') && { label: now.label }),
    ...(isNew('mode') && { mode: now.mode as Change['mode'] }),
    ...(isNew('thin') && { thin: now.thin === '' ? null : now.thin === 'true' }),
    ...(isNew('rate_per_second') && { rate_per_second: now.rate_per_second.trim() === '' ? null : number(now.rate_per_second) }),
    ...(isNew('max_in_flight') && { max_in_flight: number(now.max_in_flight) }),
    ...(isNew('timeout_seconds') && { timeout_seconds: number(now.timeout_seconds) }),
  } as Change
}

const PLACES = ['/url', '/events', '/label', '/mode', '/thin', '/rate_per_second', '/max_in_flight', '/timeout_seconds'] as const

export function EditEndpoint({ endpoint }: { endpoint: Endpoint }) {
  const me = useUser()
  const { run, dialog } = useStepUp()
  const [before, setBefore] = useState<Typed | null>(null)
  const [typed, setTyped] = useState<Typed>(shown(endpoint))
  const save = useWebhookAct(
    (change: Change) => run(() => api.call('PATCH /endpoints/:id', { params: { id: endpoint.id }, body: change })),
    () => setBefore(null),
  )
  const open = () => {
    // What it is now, and as the page goes on reading it, what it was when one began.
    setBefore(shown(endpoint))
    setTyped(shown(endpoint))
    save.reset()
  }
  const field = (name: keyof Typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const placed = placeErrors(save.error, PLACES)
  const change = before ? changed(before, typed) : {}
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(change)
  }
  return (
    <>
      <Button small reason={closedTo(me, 'endpoint.update', t('change endpoints'))} onClick={open}>
        {t('Change')}
      </Button>
      <Dialog open={before !== null} onClose={() => setBefore(null)} title={t('Change this endpoint')}>
        <form onSubmit={submit} noValidate className="flex flex-col gap-4">
          {placed.beside.size === 0 && <Refusal error={save.error} />}
          <TextField
            label={t('URL')}
            type="url"
            hint={t('What is on its way goes to the new address from its next attempt on.')}
            error={placed.beside.get('/url')}
            {...field('url')}
          />
          <TextField
            label={t('Events')}
            hint={t('Types with commas between, task.* for all of an area, or * for everything. What is left out comes no more.')}
            error={placed.beside.get('/events')}
            {...field('events')}
          />
          <TextField label={t('Name')} error={placed.beside.get('/label')} {...field('label')} />
          <SelectField label={t('Signature')} options={MODES} {...field('mode')} />
          {placed.beside.get('/mode') && <p className="text-sm font-medium text-danger">{placed.beside.get('/mode')}</p>}
          <SelectField label={t('Form')} options={FORMS} {...field('thin')} />
          <TextField
            label={t('Requests a second')}
            hint={t('At most so many; empty for no limit.')}
            inputMode="decimal"
            error={placed.beside.get('/rate_per_second')}
            {...field('rate_per_second')}
          />
          <div className="grid gap-4 sm:grid-cols-2">
            <TextField
              label={t('At once')}
              inputMode="numeric"
              error={placed.beside.get('/max_in_flight')}
              {...field('max_in_flight')}
            />
            <TextField
              label={t('Seconds to answer')}
              inputMode="numeric"
              error={placed.beside.get('/timeout_seconds')}
              {...field('timeout_seconds')}
            />
          </div>
          <div>
            <Button
              type="submit"
              tone="primary"
              busy={save.isPending}
              reason={Object.keys(change).length === 0 ? t('Nothing was changed yet.') : undefined}
            >
              {t('Save')}
            </Button>
          </div>
        </form>
      </Dialog>
      {dialog}
    </>
  )
}
