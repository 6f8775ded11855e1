// A test mail with a code, and the place to type it: a sender is verified once its mail was seen to arrive.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'

export function TestSender({ id, to: first, onDone }: { id: string; to: string; onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [to, setTo] = useState(first)
  const [code, setCode] = useState('')
  const onSettled = () => queries.invalidateQueries({ queryKey: ['mail'] })
  const test = useMutation({
    mutationFn: () => run(() => api.call('POST /channels/email/identities/:id/test', { params: { id }, body: { to } })),
    onSettled,
  })
  const confirm = useMutation({
    mutationFn: () => run(() => api.call('POST /channels/email/identities/:id/confirm', { params: { id }, body: { code } })),
    onSuccess: onDone,
    onSettled,
  })
  const toError = placeErrors(test.error, ['/to'])
  const codeError = placeErrors(confirm.error, ['/code'])
  const submit = (act: () => void) => (event: FormEvent) => {
    event.preventDefault()
    act()
  }
  return (
    <div className="flex flex-col gap-5">
      <form onSubmit={submit(test.mutate)} noValidate className="flex flex-col gap-3" aria-label={t('Send a test mail')}>
        <Refusal error={test.error} placed={toError} />
        <TextField
          label={t('To')}
          type="email"
          value={to}
          error={toError.beside.get('/to')}
          onChange={(event) => setTo(event.target.value)}
        />
        <div>
          <Button type="submit" tone={test.data?.sent ? 'plain' : 'primary'} busy={test.isPending}>
            {test.data?.sent ? t('Send another') : t('Send a test mail')}
          </Button>
        </div>
        {test.data && !test.data.sent && (
          <Banner tone="error">{t('It was not sent: {reason}', { reason: visible(test.data.reason ?? '') })}</Banner>
        )}
      </form>
      {test.data?.sent && (
        <form
          onSubmit={submit(confirm.mutate)}
          noValidate
          className="flex flex-col gap-3"
          aria-label={t('Confirm that it arrived')}
        >
          <Banner tone="success">{t('The mail was sent. Type the code that it holds.')}</Banner>
          <Refusal error={confirm.error} placed={codeError} />
          <TextField
            label={t('Code')}
            autoComplete="one-time-code"
            value={code}
            error={codeError.beside.get('/code')}
            onChange={(event) => setCode(event.target.value)}
          />
          <div>
            <Button type="submit" tone="primary" busy={confirm.isPending}>
              {t('It arrived')}
            </Button>
          </div>
        </form>
      )}
      {dialog}
    </div>
  )
}
