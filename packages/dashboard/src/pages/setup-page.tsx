// The first operator: the one-time link opens it, and it closes for good once somebody exists.
import { type FormEvent, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useSetup, useSetupOperator } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { passwordError, useNewPassword } from '../ui/new-password.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Entrance, fragmentToken } from './entrance.tsx'

export function SetupPage() {
  const [token] = useState(fragmentToken)
  const [, go] = useLocation()
  const setup = useSetup(true)
  const create = useSetupOperator()
  const [form, setForm] = useState({ display_name: '', email: '' })
  const chosen = useNewPassword()
  const placed = placeErrors(create.error, ['/display_name', '/email', '/password'])
  const refused = passwordError(create.error, placed)

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!chosen.agree()) return
    create.mutate({ token, ...form, password: chosen.password }, { onSuccess: () => go(paths.inbox(), { replace: true }) })
  }

  if (setup.data && !setup.data.needs_setup && !create.isSuccess)
    return (
      <Entrance title={t('Already set up')}>
        <p>{t('This installation has its first operator. People join by invitation.')}</p>
        <Link href={paths.signIn()} className="text-accent underline">
          {t('Go to sign-in')}
        </Link>
      </Entrance>
    )

  return (
    <Entrance title={t('Set up Countersign')}>
      <p className="text-muted">{t('You become the owner of this installation. The link works once.')}</p>
      {!token && (
        <Banner tone="warning">
          {t('Open this page by the set-up link that “countersign dev” or “countersign setup link” prints.')}
        </Banner>
      )}
      {!refused && <Refusal error={create.error} placed={placed} />}
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <TextField
          label={t('Your name')}
          autoComplete="name"
          value={form.display_name}
          error={placed.beside.get('/display_name')}
          onChange={(event) => setForm({ ...form, display_name: event.target.value })}
        />
        <TextField
          label={t('E-mail')}
          type="email"
          autoComplete="username"
          value={form.email}
          error={placed.beside.get('/email')}
          onChange={(event) => setForm({ ...form, email: event.target.value })}
        />
        {chosen.fields(refused)}
        <Button type="submit" tone="primary" busy={create.isPending}>
          {create.isPending ? t('Setting up…') : t('Create operator')}
        </Button>
      </form>
    </Entrance>
  )
}
