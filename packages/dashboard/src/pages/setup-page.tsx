// The first operator: the one-time link opens it, and it closes for good once somebody exists.
import { type FormEvent, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useSetup, useSetupOperator } from '../me.ts'
import { paths } from '../paths.ts'
import { fieldErrors, speak } from '../problem.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Entrance, fragmentToken } from './entrance.tsx'

export function SetupPage() {
  const [token] = useState(fragmentToken)
  const [, go] = useLocation()
  const setup = useSetup(true)
  const create = useSetupOperator()
  const [form, setForm] = useState({ display_name: '', email: '', password: '' })
  const errors = fieldErrors(create.error)
  const passwordError =
    errors.get('/password') ?? (create.error && isPassword(create.error) ? speak(create.error).text : undefined)

  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate({ token, ...form }, { onSuccess: () => go(paths.inbox(), { replace: true }) })
  }

  if (setup.data && !setup.data.needs_setup && !create.isSuccess)
    return (
      <Entrance title="Already set up">
        <p>This installation has its first operator. People join by invitation.</p>
        <Link href={paths.signIn()} className="text-accent underline">
          Go to sign-in
        </Link>
      </Entrance>
    )

  return (
    <Entrance title="Set up Countersign">
      <p className="text-muted">You become the owner of this installation. The link works once.</p>
      {!token && (
        <Banner tone="warning">
          Open this page by the set-up link that “countersign dev” or “countersign setup link” prints.
        </Banner>
      )}
      {create.error && !passwordError && errors.size === 0 && <Banner tone="error">{speak(create.error).text}</Banner>}
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <TextField
          label="Your name"
          autoComplete="name"
          value={form.display_name}
          error={errors.get('/display_name')}
          onChange={(event) => setForm({ ...form, display_name: event.target.value })}
        />
        <TextField
          label="E-mail"
          type="email"
          autoComplete="username"
          value={form.email}
          error={errors.get('/email')}
          onChange={(event) => setForm({ ...form, email: event.target.value })}
        />
        <TextField
          label="Password"
          type="password"
          autoComplete="new-password"
          hint="15 characters or more. A few unrelated words work well; pasting is fine."
          value={form.password}
          error={passwordError}
          onChange={(event) => setForm({ ...form, password: event.target.value })}
        />
        <Button type="submit" tone="primary" busy={create.isPending}>
          {create.isPending ? 'Setting up…' : 'Create operator'}
        </Button>
      </form>
    </Entrance>
  )
}

const isPassword = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'password_refused'
