// The third step: a workspace, by Slack's own page or by a bot token, and a message that shows that it works.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Step } from './step.tsx'

type Props = { app: RouteAnswer<'GET /channels/slack/app'>; connected: boolean }

export function ConnectCard({ app, connected }: Props) {
  const { run, dialog } = useStepUp()
  const start = useMutation({
    mutationFn: () => run(() => api.call('POST /channels/slack/oauth/start', { body: {} })),
    onSuccess: ({ url }) => location.assign(url),
  })
  const why = app.has_client_secret ? undefined : t('Save the client ID and secret of the app first.')
  return (
    <>
      <Step n={3} title={t('Connect a workspace')}>
        <Refusal error={start.error} />
        <div>
          <Button tone="primary" reason={why} busy={start.isPending} onClick={() => start.mutate()}>
            {t('Install at Slack')}
          </Button>
        </div>
        <TokenForm closed={app.configured ? undefined : t('Save the signing secret of the app first.')} />
        {dialog}
      </Step>
      {connected && (
        <Step n={4} title={t('Send a test message')}>
          <TestForm />
        </Step>
      )}
    </>
  )
}

function TokenForm({ closed }: { closed: string | undefined }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [token, setToken] = useState('')
  const connect = useMutation({
    mutationFn: () => run(() => api.call('POST /channels/slack/installations', { body: { bot_token: token.trim() } })),
    onSuccess: () => setToken(''),
    onSettled: () => queries.invalidateQueries({ queryKey: ['slack'] }),
  })
  const placed = placeErrors(connect.error, ['/bot_token'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (closed === undefined) connect.mutate()
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-3" aria-label={t('Connect by a bot token')}>
      {placed.beside.size === 0 && <Refusal error={connect.error} />}
      <TextField
        label={t('Or by a bot token')}
        hint={t('Installed at Slack already? Its “Bot User OAuth Token” begins with xoxb-.')}
        type="password"
        autoComplete="off"
        value={token}
        error={placed.beside.get('/bot_token')}
        onChange={(event) => setToken(event.target.value)}
      />
      <div>
        <Button type="submit" reason={closed} busy={connect.isPending}>
          {t('Connect')}
        </Button>
      </div>
      {dialog}
    </form>
  )
}

function TestForm() {
  const { run, dialog } = useStepUp()
  const [target, setTarget] = useState('')
  const test = useMutation({
    mutationFn: () => run(() => api.call('POST /channels/slack/test', { body: { target: target.trim() } })),
  })
  const placed = placeErrors(test.error, ['/target'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    test.mutate()
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-3" aria-label={t('Test message')}>
      {placed.beside.size === 0 && <Refusal error={test.error} />}
      <TextField
        label={t('Where to')}
        hint={t('#channel the app was invited to, @handle, an id, or a mail address.')}
        value={target}
        error={placed.beside.get('/target')}
        onChange={(event) => setTarget(event.target.value)}
      />
      <div>
        <Button type="submit" busy={test.isPending}>
          {t('Send the test')}
        </Button>
      </div>
      {test.isSuccess && <Banner tone="success">{t('Slack has taken it.')}</Banner>}
      {dialog}
    </form>
  )
}
