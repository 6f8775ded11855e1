// A labelled text of several lines.
import { useId } from 'react'
import { INPUT } from '../ui/text-field.tsx'

type AreaProps = {
  label: string
  hint: string
  error?: string | undefined
  mono?: true
  value: string
  onChange: (event: { target: { value: string } }) => void
}

export function Area({ label, hint, error, mono, value, onChange }: AreaProps) {
  const id = useId()
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <textarea
        id={id}
        rows={5}
        value={value}
        onChange={onChange}
        aria-invalid={error ? true : undefined}
        aria-describedby={error ? `${id}-hint ${id}-error` : `${id}-hint`}
        className={`${INPUT} ${mono ? 'font-mono text-sm' : ''}`}
      />
      <p id={`${id}-hint`} className="text-sm text-muted">
        {hint}
      </p>
      {error && (
        <p id={`${id}-error`} className="text-sm font-medium text-danger">
          <span aria-hidden="true">⚠ </span>
          {error}
        </p>
      )}
    </div>
  )
}
