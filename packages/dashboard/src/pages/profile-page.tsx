// One's own account: password and the places where one is signed in.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import type { Me } from '../me.ts'
import { fieldErrors, speak } from '../problem.ts'
import { exact, relative, useNow } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/text-field.tsx'

export function ProfilePage({ me }: { me: Me }) {
  return (
    <div className="flex flex-col gap-6">
      <h1 className="text-2xl font-semibold tracking-tight">Profile</h1>
      <section className="card flex flex-col gap-1 p-5" aria-label="Account">
        <h2 className="font-semibold">{me.display_name}</h2>
        <p className="text-muted">
          {me.email} · {me.role}
          {me.is_host ? ' · host of this installation' : ''}
        </p>
      </section>
      <Sessions />
      <Password />
    </div>
  )
}

function Sessions() {
  const queries = useQueryClient()
  const now = useNow(10_000)
  const sessions = useQuery({ queryKey: ['sessions'], queryFn: () => api.sessions.list() })
  const refresh = { onSuccess: () => queries.invalidateQueries({ queryKey: ['sessions'] }) }
  const end = useMutation({ mutationFn: (id: string) => api.sessions.end(id), ...refresh })
  const endOthers = useMutation({ mutationFn: () => api.sessions.endOthers(), ...refresh })
  const error = sessions.error ?? end.error ?? endOthers.error
  const rows = sessions.data?.data ?? []
  return (
    <section className="card flex flex-col gap-4 p-5" aria-labelledby="sessions">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 id="sessions" className="font-semibold">
          Where you are signed in
        </h2>
        <Button reason={rows.length > 1 ? undefined : 'There is no other session.'} onClick={() => endOthers.mutate()}>
          End all others
        </Button>
      </div>
      {error && <Banner tone="error">{speak(error).text}</Banner>}
      <ul className="divide-y divide-line">
        {rows.map((session) => (
          <li key={session.id} className="flex flex-wrap items-center justify-between gap-3 py-3">
            <div>
              <p className="font-medium">
                {session.client ?? 'Unknown client'}
                {session.current && (
                  <span className="ml-2 rounded-full bg-accent-soft px-2 py-0.5 text-sm font-normal">this one</span>
                )}
              </p>
              <p className="text-sm text-muted" title={exact(session.started_at)}>
                Signed in {relative(session.started_at, now)}, seen {relative(session.last_seen_at, now)}
                {session.address ? `, from ${session.address}` : ''}
              </p>
            </div>
            {!session.current && (
              <Button
                busy={end.isPending}
                onClick={() => end.mutate(session.id)}
                aria-label={`End the session of ${session.client ?? 'the unknown client'}`}
              >
                End
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

function Password() {
  const [form, setForm] = useState({ old_password: '', password: '' })
  const change = useMutation({
    mutationFn: () => api.me.changePassword(form),
    onSuccess: () => setForm({ old_password: '', password: '' }),
  })
  const errors = fieldErrors(change.error)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    change.mutate()
  }
  return (
    <section className="card p-5" aria-labelledby="password">
      <h2 id="password" className="mb-4 font-semibold">
        Change your password
      </h2>
      <form onSubmit={submit} noValidate className="flex max-w-md flex-col gap-4">
        {change.isSuccess && <Banner tone="success">Your password is changed; all other sessions have ended.</Banner>}
        {change.error && <Banner tone="error">{speak(change.error).text}</Banner>}
        <TextField
          label="Present password"
          type="password"
          autoComplete="current-password"
          value={form.old_password}
          error={errors.get('/old_password')}
          onChange={(event) => setForm({ ...form, old_password: event.target.value })}
        />
        <TextField
          label="New password"
          type="password"
          autoComplete="new-password"
          hint="15 characters or more."
          value={form.password}
          error={errors.get('/password')}
          onChange={(event) => setForm({ ...form, password: event.target.value })}
        />
        <Button type="submit" tone="primary" busy={change.isPending}>
          Change password
        </Button>
      </form>
    </section>
  )
}
