// Changing a sender of mail: who its mails come from, where answers go, and how they leave. Another address or door has to be tested anew; a secret that is not typed stays.
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
import { TextField } from '../ui/text-field.tsx'
import { NO_SETTINGS, PLACES, settingsOf, shownSettings, TRANSPORTS, TransportFields } from './transport-fields.tsx'

type Sender = RouteAnswer<'GET /channels/email/identities/:id'>
type Changed = RouteAnswer<'PATCH /channels/email/identities/:id'>
type Change = RouteBody<'PATCH /channels/email/identities/:id'>

export function EditSender({ sender, onDone }: { sender: Sender; onDone: (changed: Changed) => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [typed, setTyped] = useState({
    ...{ from_email: sender.from_email, from_name: sender.from_name ?? '', reply_to: sender.reply_to ?? '' },
    ...{ transport: sender.transport as string, inbound_domain: sender.inbound_domain ?? '' },
  })
  const first = shownSettings(sender.settings)
  const [settings, setSettings] = useState(first)
  const isKept = typed.transport === sender.transport
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const save = useMutation({
    mutationFn: () => {
      const { from_email, from_name, reply_to, transport, inbound_domain } = typed
      const isMoved = !isKept || JSON.stringify(settings) !== JSON.stringify(first)
      const body: Change = {
        from_email,
        from_name: from_name || null,
        reply_to: reply_to || null,
        inbound_domain: inbound_domain || null,
        ...(isMoved
          ? {
              transport: transport as Sender['transport'],
              settings: { ...(isKept && first.user !== settings.user ? { user: null } : {}), ...settingsOf(transport, settings) },
            }
          : {}),
      }
      return run(() => api.call('PATCH /channels/email/identities/:id', { params: { id: sender.id }, body }))
    },
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: ['mail'] }),
  })
  const placed = placeErrors(save.error, ['/from_email', '/from_name', '/reply_to', '/inbound_domain', ...PLACES])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!save.isPending) save.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4" aria-label={t('Change {id}', { id: sender.id })}>
        <Refusal error={save.error} placed={placed} />
        <TextField label={t('From')} type="email" error={placed.beside.get('/from_email')} {...field('from_email')} />
        <TextField
          label={t('Name')}
          hint={t('What people see beside it.')}
          error={placed.beside.get('/from_name')}
          {...field('from_name')}
        />
        <TextField
          label={t('Answers by mail go to (optional)')}
          type="email"
          error={placed.beside.get('/reply_to')}
          {...field('reply_to')}
        />
        <SelectField
          label={t('Mails leave by')}
          options={TRANSPORTS}
          value={typed.transport}
          onChange={(event) => {
            setTyped({ ...typed, transport: event.target.value })
            setSettings(event.target.value === sender.transport ? first : NO_SETTINGS)
          }}
        />
        <TransportFields
          transport={typed.transport}
          typed={settings}
          errors={placed.beside}
          kept={isKept && sender.has_secret}
          onChange={setSettings}
        />
        <TextField
          label={t('Domain for replies (optional)')}
          error={placed.beside.get('/inbound_domain')}
          {...field('inbound_domain')}
        />
        <div>
          <Button type="submit" tone="primary" busy={save.isPending}>
            {t('Save')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}
