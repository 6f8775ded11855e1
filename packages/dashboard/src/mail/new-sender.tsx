// A new sender of mail: an address, and the server or provider by which its mails leave. Faults stand beside the field that has them.
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
import { NO_SETTINGS, PLACES, settingsOf, TRANSPORTS, TransportFields } from './transport-fields.tsx'

type Made = RouteAnswer<'POST /channels/email/identities'>
type Body = RouteBody<'POST /channels/email/identities'>

const EMPTY = { id: 'main', display_name: '', from_email: '', transport: 'smtp', inbound_domain: '' }

export function NewSender({ onMade }: { onMade: (made: Made) => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [typed, setTyped] = useState(EMPTY)
  const [settings, setSettings] = useState(NO_SETTINGS)
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const create = useMutation({
    mutationFn: () => {
      const { id, display_name, from_email, transport, inbound_domain } = typed
      const body: Body = {
        ...{ id, from_email, display_name: display_name || id },
        ...(display_name === '' ? {} : { from_name: display_name }),
        transport: transport as Body['transport'],
        settings: settingsOf(transport, settings),
        ...(inbound_domain === '' ? {} : { inbound_domain }),
      }
      return run(() => api.call('POST /channels/email/identities', { body }))
    },
    onSuccess: onMade,
    onSettled: () => queries.invalidateQueries({ queryKey: ['mail'] }),
  })
  const placed = placeErrors(create.error, ['/id', '/display_name', '/from_email', '/inbound_domain', ...PLACES])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!create.isPending) create.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4" aria-label={t('New sender')}>
        <Refusal error={create.error} placed={placed} />
        <TextField
          label={t('From')}
          hint={t('The address that mails come from.')}
          type="email"
          error={placed.beside.get('/from_email')}
          {...field('from_email')}
        />
        <TextField
          label={t('Name')}
          hint={t('What people see beside it.')}
          error={placed.beside.get('/display_name')}
          {...field('display_name')}
        />
        <TextField
          label={t('Id')}
          hint={t('What notify says: email+billing:ann@example.com.')}
          error={placed.beside.get('/id')}
          {...field('id')}
        />
        <SelectField label={t('Mails leave by')} options={TRANSPORTS} {...field('transport')} />
        <TransportFields
          transport={typed.transport}
          typed={settings}
          errors={placed.beside}
          kept={false}
          onChange={setSettings}
        />
        <TextField
          label={t('Domain for replies (optional)')}
          placeholder={t('reply.example.com')}
          error={placed.beside.get('/inbound_domain')}
          {...field('inbound_domain')}
        />
        <div>
          <Button type="submit" tone="primary" busy={create.isPending}>
            {t('Add sender')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}
