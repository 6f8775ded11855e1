// One of a few words, by the browser's own list; `groups` where the words are many.
import { type SelectHTMLAttributes, useId } from 'react'
import { INPUT } from './text-field.tsx'

type Option = { value: string; label: string }
type Props = SelectHTMLAttributes<HTMLSelectElement> & {
  label: string
  hint?: string
  options?: readonly Option[]
  groups?: readonly { label: string; options: readonly Option[] }[]
}

export function SelectField({ label, hint, options = [], groups = [], ...rest }: Props) {
  const id = useId()
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <select {...rest} id={id} aria-describedby={hint ? `${id}-hint` : undefined} className={INPUT}>
        <Options options={options} />
        {groups.map((group) => (
          <optgroup key={group.label} label={group.label}>
            <Options options={group.options} />
          </optgroup>
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

const Options = ({ options }: { options: readonly Option[] }) =>
  options.map((option) => (
    <option key={option.value} value={option.value}>
      {option.label}
    </option>
  ))
