// One way in: a name or e-mail and a password. Where one came from is kept in the address, and only a path of this site counts.
import { type FormEvent, useState } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { useSignIn } from '../me.ts'
import { paths } from '../paths.ts'
import { speak } from '../problem.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Entrance } from './entrance.tsx'

/** P39: `//x`, `/\x` and anything that is not a plain path of this site lead to the inbox. */
export const safeReturn = (to: string | null): string =>
  to && /^\/(?![/\\])[\w\-/?=&.%]*$/.test(to) && !/%(2f|5c|0|1)/i.test(to) ? to : paths.inbox()

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
    <Entrance title="Sign in">
      {signIn.error && <Banner tone="error">{speak(signIn.error).text}</Banner>}
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <TextField
          label="E-mail or username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={form.login}
          onChange={(event) => setForm({ ...form, login: event.target.value })}
        />
        <TextField
          label="Password"
          type="password"
          autoComplete="current-password"
          value={form.password}
          onChange={(event) => setForm({ ...form, password: event.target.value })}
        />
        <Button type="submit" tone="primary" busy={signIn.isPending}>
          {signIn.isPending ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
    </Entrance>
  )
}
