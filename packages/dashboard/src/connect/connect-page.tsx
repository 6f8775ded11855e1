// The page behind a connect link (vault.md V30–V33): it shows who asks and for what, and then one thing to do: sign in at the provider, type a key in, or type a
// code in over there. It knows nothing of the rest of the dashboard; whoever has the link needs no account.
import { useCallback, useEffect, useState } from 'react'
import { fragmentToken } from '../pages/entrance.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Copyable } from '../ui/copy.tsx'
import { isRefused, openPage, Refused, type Sent, submitPage, type View } from './connect.ts'
import { Ended, wordsOf } from './ended.tsx'
import { FieldsForm } from './fields-form.tsx'
import { Facts, Frame } from './frame.tsx'

const AGAIN_MS = 3_000

export function ConnectPage({ id }: { id: string }) {
  const [view, setView] = useState<View | null>(null)
  const [dead, setDead] = useState<unknown>(null)
  const [refused, setRefused] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)

  const open = useCallback(
    async (token: string) => {
      try {
        setView(await openPage(id, token))
      } catch (error) {
        setDead(error)
      }
    },
    [id],
  )
  useEffect(() => {
    const token = fragmentToken()
    // Out of the address bar before anything else: it is of no more use.
    history.replaceState(null, '', location.pathname)
    void open(token)
  }, [open])

  // The provider, or another page, has something to say: look again.
  const isWaiting = view?.step === 'device' || view?.step === 'wait'
  useEffect(() => {
    if (!isWaiting) return
    const timer = setInterval(() => void open(''), AGAIN_MS)
    return () => clearInterval(timer)
  }, [isWaiting, open])

  const send = async (sent: Sent) => {
    if (busy || !view?.nonce) return
    setBusy(true)
    setRefused(null)
    try {
      const { redirect_to, view: next } = await submitPage(id, view.nonce, sent)
      if (redirect_to !== null) return location.assign(redirect_to)
      setView(next)
      if (next.step === 'fields') await open('')
    } catch (error) {
      // The nonce is used up, whatever came of it: an empty form comes first, and then why.
      if (!isRefused(error, 'authorization_expired')) await open('')
      setRefused(error)
    } finally {
      setBusy(false)
    }
  }

  if (dead !== null) return <Ended error={dead} />
  if (view === null)
    return (
      <Frame title={t('Connect')}>
        <p className="text-muted">{t('Loading…')}</p>
      </Frame>
    )
  if (view.step === 'done' || view.step === 'ended') return <Ended view={view} />
  return (
    <Frame title={t('Connect {name}', { name: view.provider.display_name })}>
      {refused !== null && <Banner tone="error">{wordsOf(refused)}</Banner>}
      {view.error && <Banner tone="error">{wordsOf(view.error)}</Banner>}
      {view.replaces && (
        <Banner tone="info">{t('This replaces what is stored under this name. Who may use it stays the same.')}</Banner>
      )}
      <Facts view={view} />
      <Step key={view.nonce} view={view} busy={busy} refused={refused} onSend={(sent) => void send(sent)} />
    </Frame>
  )
}

type StepProps = { view: View; busy: boolean; refused: unknown; onSend: (sent: Sent) => void }

function Step({ view, busy, refused, onSend }: StepProps) {
  const faults = refused instanceof Refused ? (refused.body.errors ?? []) : []
  if (view.step === 'fields')
    return (
      <FieldsForm
        fields={view.fields}
        busy={busy}
        faults={faults}
        mayStoreAnyway={view.error?.code === 'test_failed'}
        onSend={onSend}
      />
    )
  if (view.step === 'device') return <Device view={view} />
  if (view.step === 'wait') return <p role="status">{t('One moment…')}</p>
  if (view.step === 'choose_issuer') return <Issuers view={view} busy={busy} onSend={onSend} />
  return (
    <>
      {!view.pkce && (
        <Banner tone="warning">
          {t('This provider knows no PKCE, the protection against a sign-in that somebody else intercepts.')}
        </Banner>
      )}
      <div className="flex flex-col gap-2">
        <Button tone="primary" busy={busy} onClick={() => onSend({})}>
          {t('Sign in at {name}', { name: view.provider.display_name })}
        </Button>
        <p className="text-sm text-muted">{t('You come back here afterwards.')}</p>
      </div>
      {view.redirect_url && (
        <details className="text-sm">
          <summary className="cursor-pointer text-muted">
            {t('Redirect URL, for the application’s settings at the provider')}
          </summary>
          <div className="mt-3">
            <Copyable label={t('redirect URL')} text={view.redirect_url} />
          </div>
        </details>
      )}
    </>
  )
}

function Issuers({ view, busy, onSend }: Omit<StepProps, 'refused'>) {
  return (
    <div className="flex flex-col gap-2">
      <p>{t('Several servers may sign you in for {name}. Choose one:', { name: view.provider.display_name })}</p>
      {view.issuers.map((issuer) => (
        <Button key={issuer} busy={busy} onClick={() => onSend({ issuer })}>
          <span className="font-mono wrap-anywhere">{issuer}</span>
        </Button>
      ))}
    </div>
  )
}

function Device({ view }: { view: View }) {
  const to = view.verification_uri_complete ?? view.verification_uri ?? ''
  return (
    <div className="flex flex-col gap-4">
      <p>{t('Open the page of {name} and type this code in:', { name: view.provider.display_name })}</p>
      <p className="text-center font-mono text-3xl font-semibold tracking-widest" data-testid="user-code">
        {view.user_code}
      </p>
      <a className="text-center underline wrap-anywhere" href={to} rel="noreferrer noopener" target="_blank">
        {view.verification_uri}
      </a>
      <p role="status" className="text-sm text-muted">
        {t('This page notices when you have said yes there.')}
      </p>
    </div>
  )
}
