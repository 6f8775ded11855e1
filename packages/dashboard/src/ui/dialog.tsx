// A modal on the browser's own <dialog>: it keeps the focus inside, closes on Escape and gives the focus back.
import { type ReactNode, useEffect, useId, useRef } from 'react'
import { t } from '../text/t.ts'
import { Button } from './button.tsx'

export function Dialog({
  open,
  onClose,
  title,
  children,
}: {
  open: boolean
  onClose: () => void
  title: string
  children: ReactNode
}) {
  const box = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const dialog = box.current
    if (!dialog) return
    if (open && !dialog.open) {
      dialog.showModal()
      // What the dialog was opened for, not the button that closes it.
      dialog.querySelector<HTMLElement>('input, select, textarea')?.focus()
    }
    if (!open && dialog.open) dialog.close()
  }, [open])
  return (
    <dialog
      ref={box}
      aria-labelledby={heading}
      // The closing of a dialog inside of this one also passes here.
      onClose={(event) => event.target === event.currentTarget && onClose()}
      className="m-auto w-[min(34rem,calc(100vw-2rem))] rounded-2xl border border-line bg-raised p-0 text-text shadow-xl backdrop:bg-black/40"
    >
      {open && (
        <div className="flex flex-col gap-4 p-5">
          <div className="flex items-center justify-between gap-4">
            <h2 id={heading} className="text-lg font-semibold">
              {title}
            </h2>
            <Button tone="quiet" small className="-mr-3" onClick={onClose}>
              {t('Close')}
            </Button>
          </div>
          {children}
        </div>
      )}
    </dialog>
  )
}
