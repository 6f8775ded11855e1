// Inputs of days and times, by the browser's own pickers.
import type { Drafts, FieldOf } from '@countersign/sdk/form'
import { localIn } from '@countersign/sdk/form'
import { useId } from 'react'
import { t } from '../text/t.ts'
import { INPUT } from '../ui/text-field.tsx'
import { Group, Labelled, useInput } from './around.tsx'
import { useForm } from './context.ts'
import { type InputProps, textOf } from './texts.tsx'

export function DateInput({ field, path, draft, onChange }: InputProps<FieldOf<'date'>>) {
  const { id, error, common } = useInput({ field, path })
  return (
    <Labelled field={field} path={path} id={id} error={error}>
      <input
        {...common}
        type="date"
        min={field.min_date}
        max={field.max_date}
        value={textOf(draft)}
        className={INPUT}
        onChange={(event) => onChange(event.target.value)}
      />
    </Labelled>
  )
}

export function TimeInput({ field, path, draft, onChange }: InputProps<FieldOf<'time'>>) {
  const { id, error, common } = useInput({ field, path })
  return (
    <Labelled field={field} path={path} id={id} error={error}>
      <input
        {...common}
        type="time"
        min={field.min_time}
        max={field.max_time}
        // In seconds; without a wish of the asker any second may be given.
        step={field.step_minutes === undefined ? 1 : field.step_minutes * 60}
        value={textOf(draft)}
        className={INPUT}
        onChange={(event) => onChange(event.target.value)}
      />
    </Labelled>
  )
}

export function DateTimeInput({ field, path, draft, onChange }: InputProps<FieldOf<'datetime'>>) {
  const { id, error, common } = useInput({ field, path })
  const zone = field.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  return (
    <Labelled field={field} path={path} id={id} error={error}>
      <input
        {...common}
        type="datetime-local"
        step={1}
        min={field.min_datetime && localIn(field.timezone, field.min_datetime)}
        max={field.max_datetime && localIn(field.timezone, field.max_datetime)}
        value={textOf(draft)}
        className={INPUT}
        onChange={(event) => onChange(event.target.value)}
      />
      <p className="text-sm text-muted">{t('By the clocks of {zone}.', { zone })}</p>
    </Labelled>
  )
}

export function DateRangeInput({ field, path, draft, onChange }: InputProps<FieldOf<'date_range'>>) {
  const own = (typeof draft === 'object' && !Array.isArray(draft) ? draft : {}) as Drafts
  return (
    <Group field={field} path={path} layout="bare">
      {() => (
        <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
          {(['start', 'end'] as const).map((end) => (
            <End
              key={end}
              field={field}
              label={end === 'start' ? t('First day') : t('Last day')}
              path={path}
              value={textOf(own[end])}
              onChange={(value) => onChange({ ...own, [end]: value })}
            />
          ))}
        </div>
      )}
    </Group>
  )
}

type EndProps = { field: FieldOf<'date_range'>; label: string; path: string; value: string; onChange: (value: string) => void }

function End({ field, label, path, value, onChange }: EndProps) {
  const id = useId()
  const { errors, disabled } = useForm()
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm text-muted">
        {label}
      </label>
      <input
        id={id}
        type="date"
        disabled={disabled}
        min={field.min_date}
        max={field.max_date}
        aria-invalid={errors.has(path) ? true : undefined}
        value={value}
        className={INPUT}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  )
}
