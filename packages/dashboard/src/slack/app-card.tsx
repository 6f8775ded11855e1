// The first two steps: the app at Slack, made from a manifest with our addresses, and what identifies it here.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Step } from './step.tsx'

type App = RouteAnswer<'GET /channels/slack/app'>
const NOTHING = { app_id: '', client_id: '', client_secret: '', signing_secret: '' }

export function AppCard({ app }: { app: App }) {
  const [shown, setShown] = useState(false)
  const manifest = useQuery({
    queryKey: ['slack', 'manifest'],
    queryFn: () => api.call('GET /channels/slack/manifest'),
    enabled: shown,
  })
  return (
    <>
      <Step n={1} title={t('Make the app at Slack')}>
        <p>
          {rich('At {code} choose “Create New App”, then “From a manifest”, and paste this.', {
            code: <code className="font-mono text-sm">api.slack.com/apps</code>,
          })}
        </p>
        <Refusal error={manifest.error} />
        {manifest.data ? (
          <Copyable label={t('manifest')} text={JSON.stringify(manifest.data, null, 2)} block />
        ) : (
          <div>
            <Button busy={manifest.isFetching} onClick={() => setShown(true)}>
              {t('Show the manifest')}
            </Button>
          </div>
        )}
      </Step>
      <Step n={2} title={t('Say which app it is')}>
        <AppForm app={app} />
      </Step>
    </>
  )
}

function AppForm({ app }: { app: App }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [typed, setTyped] = useState({ ...NOTHING, app_id: app.app_id ?? '', client_id: app.client_id ?? '' })
  const save = useMutation({
    mutationFn: () => {
      const body = Object.fromEntries(Object.entries(typed).map(([name, value]) => [name, value.trim() || null]))
      return run(() => api.call('PUT /channels/slack/app', { body: { ...body, signing_secret: typed.signing_secret.trim() } }))
    },
    onSuccess: () => setTyped({ ...typed, client_secret: '', signing_secret: '' }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['slack'] }),
  })
  const placed = placeErrors(save.error, ['/app_id', '/client_id', '/client_secret', '/signing_secret'])
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    error: placed.beside.get(`/${name}`),
    autoComplete: 'off',
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate()
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4" aria-label={t('The app at Slack')}>
      {app.configured && (
        <Banner tone="info">
          {app.has_client_secret
            ? t(
                'An app is saved, with what it takes to install it from here. Its secrets are not shown again; fill the form in to replace them.',
              )
            : t('An app is saved. Its secrets are not shown again; fill the form in to replace them.')}
        </Banner>
      )}
      {placed.beside.size === 0 && <Refusal error={save.error} />}
      <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
        <TextField label={t('App ID')} hint={t('Such as A0123ABCD; may be left out.')} {...field('app_id')} />
        <TextField
          label={t('Signing secret')}
          type="password"
          hint={t('It proves that requests come from Slack.')}
          {...field('signing_secret')}
        />
        <TextField
          label={t('Client ID')}
          hint={t('To install from here; not needed with a bot token.')}
          {...field('client_id')}
        />
        <TextField label={t('Client secret')} type="password" {...field('client_secret')} />
      </div>
      <div>
        <Button type="submit" tone="primary" busy={save.isPending}>
          {t('Save the app')}
        </Button>
      </div>
      {save.isSuccess && <Banner tone="success">{t('Saved.')}</Banner>}
      {dialog}
    </form>
  )
}
