// Acts that need a fresh proof of presence: the server says so, the person gives the password once more, and the act is tried again.
import { Problem } from '@countersign/sdk'
import { type FormEvent, useRef, useState } from 'react'
import { api } from './api.ts'
import { Button } from './ui/button.tsx'
import { Dialog } from './ui/dialog.tsx'
import { Refusal } from './ui/refusal.tsx'
import { TextField } from './ui/text-field.tsx'

const needsProof = (error: unknown) => error instanceof Problem && error.code === 'step_up_required'

/** `run(act)` tries the act, asks for the password where the server wants it, and tries again; `dialog` belongs somewhere in the page, outside of any form. */
export function useStepUp() {
  const [asking, setAsking] = useState(false)
  const [password, setPassword] = useState('')
  const [error, setError] = useState<unknown>(null)
  const waiting = useRef<{ go: () => void; stop: () => void } | null>(null)

  const end = (proven: boolean) => {
    setAsking(false)
    setPassword('')
    setError(null)
    const outcome = waiting.current
    waiting.current = null
    if (proven) outcome?.go()
    else outcome?.stop()
  }

  async function run<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (refusal) {
      if (!needsProof(refusal)) throw refusal
      await new Promise<void>((go, stop) => {
        waiting.current = { go, stop: () => stop(refusal) }
        setAsking(true)
      })
      return act()
    }
  }

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    try {
      await api.auth.stepUp({ password })
      end(true)
    } catch (refusal) {
      setError(refusal)
    }
  }

  const dialog = (
    <Dialog open={asking} onClose={() => waiting.current && end(false)} title="Confirm that it is you">
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
        <p className="text-muted">This needs your password once more; it then counts for ten minutes.</p>
        <Refusal error={error} />
        <TextField
          label="Your password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <div>
          <Button type="submit" tone="primary">
            Confirm
          </Button>
        </div>
      </form>
    </Dialog>
  )
  return { run, dialog }
}
