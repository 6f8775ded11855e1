// A new sender of mail: an address, and the server or provider by which its mails leave. Faults stand beside the field that has them.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'

type Made = RouteAnswer<'POST /channels/email/identities'>
type Body = RouteBody<'POST /channels/email/identities'>

const TRANSPORTS = [
  { value: 'smtp', label: 'a mail server (SMTP)' },
  { value: 'resend', label: 'Resend' },
  { value: 'file', label: 'files on the server' },
  { value: 'log', label: 'a line in the log' },
  { value: 'none', label: 'nothing: it sends no mail' },
]
const SECURITY = [
  { value: 'starttls', label: 'STARTTLS, or nothing is sent' },
  { value: 'tls', label: 'TLS from the start' },
  { value: 'none', label: 'none: for a relay beside the server' },
]
const EMPTY = {
  ...{ id: 'main', display_name: '', from_email: '', transport: 'smtp', inbound_domain: '' },
  ...{ host: '', port: '', security: 'starttls', user: '', password: '', api_key: '' },
}
const PLACES = ['/id', '/display_name', '/from_email', '/inbound_domain', '/settings/host', '/settings/port', '/settings/user']

export function NewSender({ onMade }: { onMade: (made: Made) => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [typed, setTyped] = useState(EMPTY)
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const create = useMutation({
    mutationFn: () => run(() => api.call('POST /channels/email/identities', { body: bodyOf(typed) })),
    onSuccess: onMade,
    onSettled: () => queries.invalidateQueries({ queryKey: ['mail'] }),
  })
  const placed = placeErrors(create.error, [...PLACES, '/settings/security', '/settings/password'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!create.isPending) create.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4" aria-label="New sender">
        <Refusal error={create.error} placed={placed} />
        <TextField
          label="From"
          hint="The address that mails come from."
          type="email"
          error={placed.beside.get('/from_email')}
          {...field('from_email')}
        />
        <TextField
          label="Name"
          hint="What people see beside it."
          error={placed.beside.get('/display_name')}
          {...field('display_name')}
        />
        <TextField
          label="Id"
          hint="What notify says: email+billing:ann@example.com."
          error={placed.beside.get('/id')}
          {...field('id')}
        />
        <SelectField label="Mails leave by" options={TRANSPORTS} {...field('transport')} />
        {typed.transport === 'smtp' && (
          <>
            <TextField
              label="Server"
              placeholder="smtp.example.com"
              error={placed.beside.get('/settings/host')}
              {...field('host')}
            />
            <TextField
              label="Port"
              hint="587, or 465 with TLS from the start."
              inputMode="numeric"
              error={placed.beside.get('/settings/port')}
              {...field('port')}
            />
            <SelectField label="Encryption" options={SECURITY} {...field('security')} />
            <TextField label="User" autoComplete="off" error={placed.beside.get('/settings/user')} {...field('user')} />
            <TextField
              label="Password"
              type="password"
              autoComplete="off"
              error={placed.beside.get('/settings/password')}
              {...field('password')}
            />
          </>
        )}
        {typed.transport === 'resend' && <TextField label="API key" type="password" autoComplete="off" {...field('api_key')} />}
        <TextField
          label="Domain for replies (optional)"
          placeholder="reply.example.com"
          error={placed.beside.get('/inbound_domain')}
          {...field('inbound_domain')}
        />
        <div>
          <Button type="submit" tone="primary" busy={create.isPending}>
            Add sender
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}

function bodyOf(typed: typeof EMPTY): Body {
  const { id, display_name, from_email, transport, inbound_domain } = typed
  const given = (values: Record<string, string>) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''))
  const { host, user, password, security, port, api_key } = typed
  const smtp = { ...given({ host, user, password, security }), ...(port === '' ? {} : { port: Number(port) }) }
  return {
    ...{ id, from_email, display_name: display_name || id },
    ...(display_name === '' ? {} : { from_name: display_name }),
    transport: transport as Body['transport'],
    settings: transport === 'smtp' ? smtp : transport === 'resend' ? given({ api_key }) : {},
    ...(inbound_domain === '' ? {} : { inbound_domain }),
  }
}
