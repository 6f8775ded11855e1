// How a connect page ends, in words for whoever sent the link and whoever opened it.
import { speak } from '../problem.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Refused, type View } from './connect.ts'
import { Frame } from './frame.tsx'

const CODES: Record<string, string> = {
  access_denied: t('You said no at the provider. Nothing was stored.'),
  authorization_expired: t('This link was used or is too old. Start connecting again where you got it from.'),
  connection_exists: t('Something was stored under this name meanwhile. Nothing was replaced.'),
  form_replayed: t(
    'This page was opened in another browser, or its form was sent before. Go on in the browser in which you started.',
  ),
  issuer_mismatch: t('The server that answered is not the one that the provider named. Nothing was stored.'),
  pkce_missing: t('The provider’s server lacks a protection that this needs (PKCE). Nothing was stored.'),
  processing_lost: t('The server was stopped in the middle. Start connecting again.'),
  state_invalid: t('What came back from the provider was not of this sign-in. Nothing was stored.'),
  test_failed: t('The provider does not take this. Check it and type it in again.'),
  unreachable: t('The provider could not be reached. Try again in a moment.'),
  timeout: t('The provider did not answer in time. Try again in a moment.'),
  validation_failed: t('Something needs another look. Nothing was stored.'),
}

/** Ours where we have words; the provider’s own, marked as such, beside them. */
export function wordsOf(why: unknown): string {
  const { code, said } =
    why instanceof Refused
      ? { code: why.body.reason ?? why.body.code, said: why.body.said ?? null }
      : (why as { code?: string; said?: string | null })
  const own = code === undefined ? undefined : CODES[code]
  const quoted = said ? ` ${t('The provider says: “{said}”', { said })}` : ''
  if (own) return `${own}${quoted}`
  return why instanceof Error && !(why instanceof Refused)
    ? speak(why).text
    : `${t('The provider did not do it ({code}).', { code })}${quoted}`
}

export function Ended({ view, error }: { view?: View; error?: unknown }) {
  if (view?.step === 'done')
    return (
      <Frame title={t('{name} is connected', { name: view.provider.display_name })}>
        <Banner tone="success">{t('You can close this page.')}</Banner>
        <p>
          {rich('Stored as {name}. No agent may use it until somebody grants it.', {
            name: <span className="font-mono">{`${view.provider.name}:${view.connection_name}`}</span>,
          })}
        </p>
      </Frame>
    )
  const status = view?.status
  return (
    <Frame
      title={
        status === 'cancelled' ? t('This was given up') : status === 'expired' ? t('This link is too old') : t('Not connected')
      }
    >
      <Banner tone={status === 'cancelled' || status === 'expired' ? 'info' : 'error'}>
        {view ? (view.error ? wordsOf(view.error) : t('Start connecting again where you got the link from.')) : wordsOf(error)}
      </Banner>
    </Frame>
  )
}
