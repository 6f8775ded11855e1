// Joining by invitation: the link's token stands in the fragment and is spent by the form, never by opening the page.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useLocation } from 'wouter'
import { api } from '../api.ts'
import { paths } from '../paths.ts'
import { fieldErrors, speak } from '../problem.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Entrance, fragmentToken } from './entrance.tsx'

export function InvitePage() {
  const [token] = useState(fragmentToken)
  const [, go] = useLocation()
  const queries = useQueryClient()
  const [form, setForm] = useState({ email: '', display_name: '', password: '' })
  const accept = useMutation({
    mutationFn: () => api.invitations.accept({ token, ...form }),
    onSuccess: async () => {
      await api.auth.login({ login: form.email, password: form.password })
      await queries.resetQueries()
      go(paths.inbox(), { replace: true })
    },
  })
  const errors = fieldErrors(accept.error)
  const set = (member: keyof typeof form) => (event: { target: { value: string } }) =>
    setForm({ ...form, [member]: event.target.value })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    accept.mutate()
  }
  return (
    <Entrance title="Join by invitation">
      {!token && <Banner tone="warning">Open this page by the link of your invitation.</Banner>}
      {accept.error && errors.size === 0 && <Banner tone="error">{speak(accept.error).text}</Banner>}
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <TextField
          label="E-mail"
          type="email"
          autoComplete="username"
          hint="The address that was invited."
          value={form.email}
          error={errors.get('/email')}
          onChange={set('email')}
        />
        <TextField
          label="Your name"
          autoComplete="name"
          value={form.display_name}
          error={errors.get('/display_name')}
          onChange={set('display_name')}
        />
        <TextField
          label="Password"
          type="password"
          autoComplete="new-password"
          hint="15 characters or more."
          value={form.password}
          error={errors.get('/password')}
          onChange={set('password')}
        />
        <Button type="submit" tone="primary" busy={accept.isPending}>
          Join
        </Button>
      </form>
    </Entrance>
  )
}
