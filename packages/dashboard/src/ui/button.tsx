// Buttons. A button that cannot be used stays visible and says why: `reason` disables it, is its tooltip and its description.
import { type ButtonHTMLAttributes, useId } from 'react'

type Tone = 'primary' | 'plain' | 'danger' | 'quiet'

const TONES: Record<Tone, string> = {
  primary: 'bg-accent text-accent-text border-transparent hover:not-aria-disabled:opacity-90',
  plain: 'bg-raised text-text border-line-strong hover:not-aria-disabled:bg-sunken',
  danger: 'bg-raised text-danger border-danger hover:not-aria-disabled:bg-danger-soft',
  quiet: 'bg-transparent text-muted border-transparent hover:not-aria-disabled:bg-sunken hover:not-aria-disabled:text-text',
}

type Props = ButtonHTMLAttributes<HTMLButtonElement> & {
  tone?: Tone
  reason?: string | undefined
  busy?: boolean
  small?: boolean
}

export function Button({ tone = 'plain', reason, busy, small, children, className = '', ...rest }: Props) {
  const why = useId()
  const size = small ? 'min-h-9 px-3 py-1 text-sm' : 'min-h-10 px-4 py-1.5'
  return (
    <>
      <button
        type="button"
        {...rest}
        // aria-disabled keeps it reachable by keyboard, so that the reason can be read.
        aria-disabled={reason !== undefined || busy || undefined}
        aria-describedby={reason ? why : rest['aria-describedby']}
        title={reason}
        onClick={reason || busy ? (event) => event.preventDefault() : rest.onClick}
        className={`inline-flex items-center justify-center gap-2 rounded-lg border font-medium transition-colors disabled:opacity-55 aria-disabled:cursor-not-allowed aria-disabled:opacity-55 ${size} ${TONES[tone]} ${className}`}
      >
        {children}
      </button>
      {reason && (
        <span id={why} className="sr-only">
          {reason}
        </span>
      )}
    </>
  )
}
