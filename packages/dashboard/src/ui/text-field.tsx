// Labelled text, of one line and of several, for the dashboard's own forms; the answer form of a task has its own inputs.
import { type InputHTMLAttributes, type ReactNode, type TextareaHTMLAttributes, useId } from 'react'

/** How every input looks. Text of 16 px, so that no phone zooms in. */
export const INPUT =
  'w-full min-h-10 rounded-lg border border-line-strong bg-raised px-3 py-2 text-base disabled:bg-sunken disabled:text-muted aria-invalid:border-danger aria-invalid:ring-1 aria-invalid:ring-danger'

type Words = { label: string; hint?: string; error?: string | undefined }

export function TextField({ label, hint, error, ...rest }: InputHTMLAttributes<HTMLInputElement> & Words) {
  const id = useId()
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <input {...rest} {...described(id, hint, error)} className={INPUT} />
    </Labelled>
  )
}

/** `mono`: for JSON and the like, which no spelling is checked of. */
export function TextArea({
  label,
  hint,
  error,
  mono,
  ...rest
}: TextareaHTMLAttributes<HTMLTextAreaElement> & Words & { mono?: true }) {
  const id = useId()
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <textarea
        {...rest}
        {...described(id, hint, error)}
        spellCheck={mono ? false : undefined}
        className={mono ? `${INPUT} font-mono text-sm` : INPUT}
      />
    </Labelled>
  )
}

const described = (id: string, hint: string | undefined, error: string | undefined) => ({
  id,
  'aria-invalid': error ? true : undefined,
  'aria-describedby': [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ') || undefined,
})

type LabelledProps = { id: string; label: string; hint: string | undefined; error: string | undefined; children: ReactNode }

const Labelled = ({ id, label, hint, error, children }: LabelledProps) => (
  <div className="flex flex-col gap-1">
    <label htmlFor={id} className="font-medium">
      {label}
    </label>
    {children}
    {hint && (
      <p id={`${id}-hint`} className="text-sm text-muted">
        {hint}
      </p>
    )}
    {error && (
      <p id={`${id}-error`} className="text-sm font-medium text-danger">
        <span aria-hidden="true">⚠ </span>
        {error}
      </p>
    )}
  </div>
)
