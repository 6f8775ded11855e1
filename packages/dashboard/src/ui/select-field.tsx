// One of a few words, by the browser's own list.
import { type SelectHTMLAttributes, useId } from 'react'
import { INPUT } from './text-field.tsx'

type Props = SelectHTMLAttributes<HTMLSelectElement> & {
  label: string
  hint?: string
  options: readonly { value: string; label: string }[]
}

export function SelectField({ label, hint, options, ...rest }: Props) {
  const id = useId()
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <select {...rest} id={id} aria-describedby={hint ? `${id}-hint` : undefined} className={INPUT}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      {hint && (
        <p id={`${id}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      )}
    </div>
  )
}
