// Acts that need a fresh proof of presence: the server says so, the person gives the password once more, and the act is tried again. A session that ended meanwhile is no wrong
// password: its refusal goes to the page, which leads to sign-in and back.
import { Problem } from '@countersign/sdk'
import { type FormEvent, type ReactNode, useRef, useState } from 'react'
import { api } from './api.ts'
import { t } from './text/t.ts'
import { Button } from './ui/button.tsx'
import { Dialog } from './ui/dialog.tsx'
import { Refusal } from './ui/refusal.tsx'
import { TextField } from './ui/text-field.tsx'

export const needsProof = (error: unknown) => error instanceof Problem && error.code === 'step_up_required'

/** `prove(what, otherwise)` ends once the person has given the password, and fails with `otherwise` if they do not. */
export function usePresence() {
  const [about, setAbout] = useState<ReactNode>(null)
  const [password, setPassword] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const waiting = useRef<{ go: () => void; stop: (why?: unknown) => void } | null>(null)

  const end = (how: (outcome: { go: () => void; stop: (why?: unknown) => void }) => void) => {
    const outcome = waiting.current
    waiting.current = null
    setAbout(null)
    setPassword('')
    setError(null)
    if (outcome) how(outcome)
  }
  const prove = (what: ReactNode, otherwise: unknown): Promise<void> =>
    new Promise((go, stop) => {
      waiting.current = { go, stop: (why) => stop(why ?? otherwise) }
      setAbout(what)
    })
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      await api.auth.stepUp({ password })
      end(({ go }) => go())
    } catch (refusal) {
      if (isSignedOut(refusal)) end(({ stop }) => stop(refusal))
      else setError(refusal)
    } finally {
      setBusy(false)
    }
  }
  const dialog = (
    <Dialog open={about !== null} onClose={() => end(({ stop }) => stop())} title={t('Confirm that it is you')}>
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
        {about}
        <Refusal error={error} />
        <TextField
          label={t('Your password')}
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <div>
          <Button type="submit" tone="primary" busy={busy}>
            {t('Confirm')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
  return { prove, dialog }
}

const isSignedOut = (error: unknown): boolean =>
  error instanceof Problem && error.status === 401 && error.code !== 'credentials_invalid'

/** `run(act)` tries the act, asks for the password where the server wants it, and tries again; `dialog` belongs somewhere in the page, outside of any form. */
export function useStepUp() {
  const { prove, dialog } = usePresence()
  async function run<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (refusal) {
      if (!needsProof(refusal)) throw refusal
      await prove(
        <p className="text-muted">{t('This needs your password once more; it then counts for ten minutes.')}</p>,
        refusal,
      )
      return act()
    }
  }
  return { run, dialog }
}
