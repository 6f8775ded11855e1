// Buttons. A button that cannot be used stays visible and says why: `reason` disables it, is its tooltip and its description.
import { type ButtonHTMLAttributes, useId } from 'react'

type Tone = 'primary' | 'plain' | 'danger' | 'quiet'

const TONES: Record<Tone, string> = {
  primary: 'bg-accent text-accent-text border-transparent hover:opacity-90',
  plain: 'bg-raised text-text border-line-strong hover:bg-sunken',
  danger: 'bg-raised text-danger border-danger hover:bg-danger-soft',
  quiet: 'bg-transparent text-text border-transparent hover:bg-sunken',
}

type Props = ButtonHTMLAttributes<HTMLButtonElement> & { tone?: Tone; reason?: string | undefined; busy?: boolean }

export function Button({ tone = 'plain', reason, busy, children, className = '', ...rest }: Props) {
  const why = useId()
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
        className={`inline-flex min-h-10 items-center justify-center gap-2 rounded-lg border px-4 py-1.5 font-medium transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-55 ${TONES[tone]} ${className}`}
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
