// One way in: a name or e-mail and a password. Where one came from is kept in the address, and only a path of this site counts.
import { type FormEvent, useState } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { useSignIn } from '../me.ts'
import { safeReturn } from '../paths.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Entrance } from './entrance.tsx'

export function SignInPage() {
  const [search] = useSearchParams()
  const [, go] = useLocation()
  const signIn = useSignIn()
  const [form, setForm] = useState({ login: '', password: '' })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    signIn.mutate(form, { onSuccess: () => go(safeReturn(search.get('to')), { replace: true }) })
  }

  return (
    <Entrance title={t('Sign in')}>
      <Refusal error={signIn.error} />
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <TextField
          label={t('E-mail or username')}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          value={form.login}
          onChange={(event) => setForm({ ...form, login: event.target.value })}
        />
        <TextField
          label={t('Password')}
          type="password"
          autoComplete="current-password"
          value={form.password}
          onChange={(event) => setForm({ ...form, password: event.target.value })}
        />
        <Button type="submit" tone="primary" busy={signIn.isPending}>
          {signIn.isPending ? t('Signing in…') : t('Sign in')}
        </Button>
      </form>
    </Entrance>
  )
}
