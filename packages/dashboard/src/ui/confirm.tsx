// Acts that cannot be taken back ask once more, in a dialog that says what will happen.
import { type ReactNode, useState } from 'react'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'

type Props = {
  name: string
  title: string
  confirm: string
  reason?: string | undefined
  busy: boolean
  onConfirm: () => void
  children: ReactNode
}

/** A button called `name`; behind it a dialog whose button, called `confirm`, does it. */
export function Confirm({ name, title, confirm, reason, busy, onConfirm, children }: Props) {
  const [asking, setAsking] = useState(false)
  const act = () => {
    setAsking(false)
    onConfirm()
  }
  return (
    <>
      <Button small tone="danger" reason={reason} busy={busy} aria-label={title} onClick={() => setAsking(true)}>
        {name}
      </Button>
      <Dialog open={asking} onClose={() => setAsking(false)} title={title}>
        <p>{children}</p>
        <div>
          <Button tone="danger" onClick={act}>
            {confirm}
          </Button>
        </div>
      </Dialog>
    </>
  )
}
