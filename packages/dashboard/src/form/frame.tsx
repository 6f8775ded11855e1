// What stands around an input: its name, its hint, and the server's word about it. Everything an agent wrote is text with its hidden characters marked.
import { type ReactNode, useId } from 'react'
import { AgentText } from '../ui/content.tsx'
import type { Field } from './field.ts'

export const describedBy = (id: string, field: Field, error: string | undefined): string | undefined =>
  [field.hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ') || undefined

export function Labelled({
  id,
  field,
  error,
  children,
}: {
  id: string
  field: Field
  error: string | undefined
  children: ReactNode
}) {
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        <Name field={field} />
      </label>
      {field.hint && <Hint id={`${id}-hint`} text={field.hint} />}
      {children}
      <FieldError id={`${id}-error`} error={error} />
    </div>
  )
}

type GroupProps = {
  field: Field
  error: string | undefined
  row?: boolean
  nested?: boolean
  children: (name: string) => ReactNode
}

export function Group({ field, error, row = false, nested = false, children }: GroupProps) {
  const id = useId()
  const layout = nested
    ? 'mt-1 flex flex-col gap-4 border-l-2 border-line pl-4'
    : row
      ? 'flex flex-wrap gap-2'
      : 'flex flex-col gap-2'
  return (
    // Radios and checkboxes have no state of their own for being wrong: the group says it, and where the focus has to go.
    <fieldset
      aria-describedby={describedBy(id, field, error)}
      data-invalid={error ? '' : undefined}
      className="flex min-w-0 flex-col gap-1"
    >
      <legend className="mb-1 font-medium">
        <Name field={field} />
      </legend>
      {field.hint && <Hint id={`${id}-hint`} text={field.hint} />}
      <div className={layout}>{children(id)}</div>
      <FieldError id={`${id}-error`} error={error} />
    </fieldset>
  )
}

export function Choice({ label, hint, children }: { label: string; hint?: string | undefined; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label className="flex min-h-10 cursor-pointer items-center gap-3 rounded-lg border border-line bg-raised px-3 py-2 has-checked:border-accent has-checked:bg-accent-soft">
      {children}
      <span>
        <AgentText text={label} />
        {hint && (
          <span className="block text-sm text-muted">
            <AgentText text={hint} />
          </span>
        )}
      </span>
    </label>
  )
}

const Name = ({ field }: { field: Field }) => (
  <>
    <AgentText text={field.label || 'Answer'} />
    {/* The space is for who hears the name. */}
    {!field.required && <span className="text-sm font-normal text-muted"> (optional)</span>}
  </>
)

const Hint = ({ id, text }: { id: string; text: string }) => (
  <p id={id} className="text-sm text-muted">
    <AgentText text={text} />
  </p>
)

function FieldError({ id, error }: { id: string; error: string | undefined }) {
  if (!error) return null
  return (
    <p id={id} className="text-sm font-medium text-danger">
      <span aria-hidden="true">⚠ </span>
      {error}
    </p>
  )
}
