// How a connect page ends, in words for whoever sent the link and whoever opened it.
import { speak } from '../problem.ts'
import { Banner } from '../ui/banner.tsx'
import { Refused, type View } from './connect.ts'
import { Frame } from './frame.tsx'

const CODES: Record<string, string> = {
  access_denied: 'You said no at the provider. Nothing was stored.',
  authorization_expired: 'This link was used or is too old. Start connecting again where you got it from.',
  connection_exists: 'Something was stored under this name meanwhile. Nothing was replaced.',
  form_replayed:
    'This page was opened in another browser, or its form was sent before. Go on in the browser in which you started.',
  issuer_mismatch: 'The server that answered is not the one that the provider named. Nothing was stored.',
  pkce_missing: 'The provider’s server lacks a protection that this needs (PKCE). Nothing was stored.',
  processing_lost: 'The server was stopped in the middle. Start connecting again.',
  state_invalid: 'What came back from the provider was not of this sign-in. Nothing was stored.',
  test_failed: 'The provider does not take this. Check it and type it in again.',
  unreachable: 'The provider could not be reached. Try again in a moment.',
  timeout: 'The provider did not answer in time. Try again in a moment.',
  validation_failed: 'Something needs another look. Nothing was stored.',
}

/** Ours where we have words; the provider’s own, marked as such, beside them. */
export function wordsOf(why: unknown): string {
  const { code, said } =
    why instanceof Refused
      ? { code: why.body.reason ?? why.body.code, said: why.body.said ?? null }
      : (why as { code?: string; said?: string | null })
  const own = code === undefined ? undefined : CODES[code]
  const quoted = said ? ` The provider says: “${said}”` : ''
  if (own) return `${own}${quoted}`
  return why instanceof Error && !(why instanceof Refused) ? speak(why).text : `The provider did not do it (${code}).${quoted}`
}

export function Ended({ view, error }: { view?: View; error?: unknown }) {
  if (view?.step === 'done')
    return (
      <Frame title={`${view.provider.display_name} is connected`}>
        <Banner tone="success">You can close this page.</Banner>
        <p>
          Stored as <span className="font-mono">{`${view.provider.name}:${view.connection_name}`}</span>. No agent may use it
          until somebody grants it.
        </p>
      </Frame>
    )
  const status = view?.status
  return (
    <Frame title={status === 'cancelled' ? 'This was given up' : status === 'expired' ? 'This link is too old' : 'Not connected'}>
      <Banner tone={status === 'cancelled' || status === 'expired' ? 'info' : 'error'}>
        {view ? (view.error ? wordsOf(view.error) : 'Start connecting again where you got the link from.') : wordsOf(error)}
      </Banner>
    </Frame>
  )
}
