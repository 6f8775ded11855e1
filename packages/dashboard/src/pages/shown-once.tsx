// What is shown once and never again: a key, the link of an invitation.
import type { ReactNode } from 'react'
import { t } from '../text/t.ts'
import { Copyable } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'

type Props = { secret: string | null; onClose: () => void; title: string; label: string; children?: ReactNode }

export function ShownOnce({ secret, onClose, title, label, children }: Props) {
  return (
    <Dialog open={secret !== null} onClose={onClose} title={title}>
      <p>{t('This is the only time it is shown. Keep it where your secrets are.')}</p>
      <Copyable label={label} text={secret ?? ''} />
      {children}
    </Dialog>
  )
}
