// Draws one field and its fields below. Native controls only: they bring keyboards, pickers and names of their own. Errors come from the server and stand beside their input.
import { useId } from 'react'
import type { FieldErrors } from '../problem.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { INPUT } from '../ui/text-field.tsx'
import { type Draft, emptyDraft, pointer } from './draft.ts'
import type { Field, Option } from './field.ts'
import { Choice, describedBy, Group, Labelled } from './frame.tsx'

type Props<F extends Field = Field> = {
  field: F
  path: string
  draft: Draft
  errors: FieldErrors
  disabled: boolean
  onChange: (draft: Draft) => void
}

export function FieldInput(props: Props) {
  const { field } = props
  switch (field.kind) {
    case 'object':
      return <ObjectInput {...props} field={field} />
    case 'list':
      return <ListInput {...props} field={field} />
    case 'boolean':
      return <BooleanInput {...props} field={field} />
    case 'choice':
      return <ChoiceInput {...props} field={field} />
    case 'choices':
      return <ChoicesInput {...props} field={field} />
    default:
      return <SingleInput {...props} field={field} />
  }
}

type Single = Extract<Field, { kind: 'text' | 'long_text' | 'number' | 'date' | 'time' | 'date_time' | 'json' }>

function SingleInput({ field, path, draft, errors, disabled, onChange }: Props<Single>) {
  const id = useId()
  const error = errors.get(path)
  const common = {
    id,
    disabled,
    value: typeof draft === 'string' ? draft : '',
    'aria-invalid': error ? true : undefined,
    'aria-describedby': describedBy(id, field, error),
    'aria-required': field.required || undefined,
    className: INPUT,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  } as const
  return (
    <Labelled id={id} field={field} error={error}>
      {field.kind === 'long_text' && <textarea {...common} rows={4} />}
      {field.kind === 'json' && <textarea {...common} rows={5} spellCheck={false} className={`${INPUT} font-mono text-sm`} />}
      {field.kind === 'text' && <input {...common} type={field.format === 'plain' ? 'text' : field.format} autoComplete="off" />}
      {field.kind === 'number' && (
        <input {...common} type="text" inputMode={field.integer ? 'numeric' : 'decimal'} autoComplete="off" />
      )}
      {field.kind === 'date' && <input {...common} type="date" />}
      {field.kind === 'time' && <input {...common} type="time" step={1} />}
      {field.kind === 'date_time' && <input {...common} type="datetime-local" step={1} />}
    </Labelled>
  )
}

// 1 and "1" read alike and are two options.
const keyOf = (option: Option): string => JSON.stringify(option.value) ?? option.label

function BooleanInput({ field, path, draft, errors, disabled, onChange }: Props<Extract<Field, { kind: 'boolean' }>>) {
  const options: { label: string; value: boolean | undefined }[] = [
    { label: 'Yes', value: true },
    { label: 'No', value: false },
  ]
  // Nothing is chosen at first: a yes must be somebody's act.
  if (!field.required) options.push({ label: 'Leave open', value: undefined })
  return (
    <Group field={field} error={errors.get(path)} row>
      {(name) =>
        options.map((option) => (
          <Choice key={option.label} label={option.label}>
            <input
              type="radio"
              name={name}
              disabled={disabled}
              checked={draft === option.value && (option.value !== undefined || !field.required)}
              onChange={() => onChange(option.value)}
            />
          </Choice>
        ))
      }
    </Group>
  )
}

function ChoiceInput({ field, path, draft, errors, disabled, onChange }: Props<Extract<Field, { kind: 'choice' }>>) {
  const id = useId()
  const error = errors.get(path)
  if (field.options.length > 6)
    return (
      <Labelled id={id} field={field} error={error}>
        <select
          id={id}
          disabled={disabled}
          value={typeof draft === 'string' ? draft : ''}
          aria-invalid={error ? true : undefined}
          aria-describedby={describedBy(id, field, error)}
          className={INPUT}
          onChange={(event) => onChange(event.target.value)}
        >
          <option value="">Choose…</option>
          {field.options.map((option, i) => (
            <option key={keyOf(option)} value={String(i)}>
              {visible(option.label)}
            </option>
          ))}
        </select>
      </Labelled>
    )
  return (
    <Group field={field} error={error}>
      {(name) =>
        field.options.map((option, i) => (
          <Choice key={keyOf(option)} label={option.label} hint={option.hint}>
            <input
              type="radio"
              name={name}
              disabled={disabled}
              checked={draft === String(i)}
              onChange={() => onChange(String(i))}
            />
          </Choice>
        ))
      }
    </Group>
  )
}

function ChoicesInput({ field, path, draft, errors, disabled, onChange }: Props<Extract<Field, { kind: 'choices' }>>) {
  const chosen = Array.isArray(draft) ? draft : []
  // Answers keep the order in which the options stand, not that of the clicks.
  const toggle = (value: unknown) =>
    onChange(
      field.options
        .map((option) => option.value)
        .filter((each) => (each === value ? !chosen.includes(value) : chosen.includes(each))),
    )
  return (
    <Group field={field} error={errors.get(path)}>
      {(name) =>
        field.options.map((option) => (
          <Choice key={keyOf(option)} label={option.label} hint={option.hint}>
            <input
              type="checkbox"
              name={name}
              disabled={disabled}
              checked={chosen.includes(option.value)}
              onChange={() => toggle(option.value)}
            />
          </Choice>
        ))
      }
    </Group>
  )
}

function ObjectInput({ field, path, draft, errors, disabled, onChange }: Props<Extract<Field, { kind: 'object' }>>) {
  const values = (typeof draft === 'object' && !Array.isArray(draft) ? draft : {}) as Record<string, Draft>
  return (
    <Group field={field} error={errors.get(path)} nested>
      {() =>
        field.fields.map((member) => (
          <FieldInput
            key={member.name}
            field={member}
            path={pointer(path, member.name)}
            draft={values[member.name]}
            errors={errors}
            disabled={disabled}
            onChange={(value) => onChange({ ...values, [member.name]: value })}
          />
        ))
      }
    </Group>
  )
}

function ListInput({ field, path, draft, errors, disabled, onChange }: Props<Extract<Field, { kind: 'list' }>>) {
  const items = (Array.isArray(draft) ? draft : []) as Draft[]
  const one = visible(field.label || 'Entry')
  const replace = (at: number, value: Draft) => onChange(items.map((item, i) => (i === at ? value : item)))
  const full = field.maxItems !== undefined && items.length >= field.maxItems ? `At most ${field.maxItems} entries.` : undefined
  return (
    <Group field={field} error={errors.get(path)} nested>
      {() => (
        <>
          {items.length === 0 && <p className="text-muted">No entries yet.</p>}
          {items.map((item, i) => (
            // An entry has no identity of its own but its place.
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            <div key={i} className="flex flex-col gap-2 border-b border-line pb-4">
              <div className="min-w-0">
                <FieldInput
                  field={{ ...field.item, label: `${field.label || 'Entry'} ${i + 1}` }}
                  path={pointer(path, i)}
                  draft={item}
                  errors={errors}
                  disabled={disabled}
                  onChange={(value) => replace(i, value)}
                />
              </div>
              <div>
                <Button small disabled={disabled} onClick={() => onChange(items.filter((_, at) => at !== i))}>
                  Remove {one} {i + 1}
                </Button>
              </div>
            </div>
          ))}
          <div>
            <Button small disabled={disabled} reason={full} onClick={() => onChange([...items, emptyDraft(field.item)])}>
              Add to {one}
            </Button>
          </div>
        </>
      )}
    </Group>
  )
}
