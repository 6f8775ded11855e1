// Joining by invitation: the link's token stands in the fragment and is spent by the form, never by opening the page.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useLocation } from 'wouter'
import { api } from '../api.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { passwordError, useNewPassword } from '../ui/new-password.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Entrance, fragmentToken } from './entrance.tsx'

export function InvitePage() {
  const [token] = useState(fragmentToken)
  const [, go] = useLocation()
  const queries = useQueryClient()
  const [form, setForm] = useState({ email: '', display_name: '' })
  const chosen = useNewPassword()
  const accept = useMutation({
    mutationFn: () => api.invitations.accept({ token, ...form, password: chosen.password }),
    onSuccess: async () => {
      await api.auth.login({ login: form.email, password: chosen.password })
      await queries.resetQueries()
      go(paths.inbox(), { replace: true })
    },
  })
  const placed = placeErrors(accept.error, ['/email', '/display_name', '/password'])
  const refused = passwordError(accept.error, placed)
  const set = (member: keyof typeof form) => (event: { target: { value: string } }) =>
    setForm({ ...form, [member]: event.target.value })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (chosen.agree()) accept.mutate()
  }
  return (
    <Entrance title={t('Join by invitation')}>
      {!token && <Banner tone="warning">{t('Open this page by the link of your invitation.')}</Banner>}
      {!refused && <Refusal error={accept.error} placed={placed} />}
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <TextField
          label={t('E-mail')}
          type="email"
          autoComplete="username"
          hint={t('The address that was invited.')}
          value={form.email}
          error={placed.beside.get('/email')}
          onChange={set('email')}
        />
        <TextField
          label={t('Your name')}
          autoComplete="name"
          value={form.display_name}
          error={placed.beside.get('/display_name')}
          onChange={set('display_name')}
        />
        {chosen.fields(refused)}
        <Button type="submit" tone="primary" busy={accept.isPending}>
          {accept.isPending ? t('Joining…') : t('Join')}
        </Button>
      </form>
    </Entrance>
  )
}
