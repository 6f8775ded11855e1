// A new password by the old one. All other sessions end with the old password.
import { Problem } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { passwordError, useNewPassword } from '../ui/new-password.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'

export function PasswordCard() {
  const queries = useQueryClient()
  const [old, setOld] = useState('')
  const chosen = useNewPassword(t('New password'))
  const change = useMutation({
    mutationFn: () => api.me.changePassword({ old_password: old, password: chosen.password }),
    onSuccess: () => {
      setOld('')
      chosen.clear()
      return queries.invalidateQueries({ queryKey: ['sessions'] })
    },
  })
  const placed = placeErrors(change.error, ['/old_password', '/password'])
  const isWrong = change.error instanceof Problem && change.error.code === 'credentials_invalid'
  const wrong = isWrong ? t('This is not your present password.') : placed.beside.get('/old_password')
  const refused = passwordError(change.error, placed)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (chosen.agree()) change.mutate()
  }
  return (
    <Card title={t('Change your password')}>
      <form onSubmit={submit} noValidate className="flex max-w-md flex-col gap-4" aria-label={t('Change your password')}>
        {change.isSuccess && <Banner tone="success">{t('Your password is changed; all other sessions have ended.')}</Banner>}
        {!wrong && !refused && <Refusal error={change.error} placed={placed} />}
        <TextField
          label={t('Present password')}
          type="password"
          autoComplete="current-password"
          value={old}
          error={wrong}
          onChange={(event) => setOld(event.target.value)}
        />
        {chosen.fields(refused)}
        <div>
          <Button type="submit" tone="primary" busy={change.isPending}>
            {t('Change password')}
          </Button>
        </div>
      </form>
    </Card>
  )
}
