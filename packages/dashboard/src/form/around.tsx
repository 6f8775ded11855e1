// What stands around an input: its name, its hint, and the word about what is wrong with it. Everything an agent wrote is text with its hidden characters marked. `data-path` says where
// in the answer the input stands.
import type { Field } from '@countersign/sdk/form'
import { type ReactNode, useId } from 'react'
import { AgentText } from '../content/text.tsx'
import { t } from '../text/t.ts'
import { useForm } from './context.ts'

export type Named = Pick<Field, 'label' | 'hint' | 'required'>

export const describedBy = (id: string, field: Named, error: string | undefined): string | undefined =>
  [field.hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ') || undefined

type Props = { field: Named; path: string }

/** The attributes of an input that has a label of its own. */
export function useInput({ field, path }: Props) {
  const id = useId()
  const { errors, disabled } = useForm()
  const error = errors.get(path)
  return {
    id,
    error,
    common: {
      id,
      disabled,
      'aria-invalid': error ? true : undefined,
      'aria-describedby': describedBy(id, field, error),
      'aria-required': field.required || undefined,
    } as const,
  }
}

export function Labelled({
  field,
  path,
  id,
  error,
  children,
}: Props & { id: string; error: string | undefined; children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-1" data-path={path}>
      <label htmlFor={id} className="font-medium">
        <Name field={field} />
      </label>
      {field.hint && <Hint id={`${id}-hint`} text={field.hint} />}
      {children}
      <ErrorText id={`${id}-error`} error={error} />
    </div>
  )
}

type GroupProps = Props & { layout?: 'rows' | 'line' | 'nested' | 'bare'; children: (name: string) => ReactNode }

const LAYOUTS = {
  rows: 'flex flex-col gap-2',
  line: 'flex flex-wrap gap-2',
  nested: 'mt-1 flex flex-col gap-4 border-l-2 border-line pl-4',
  bare: 'min-w-0',
}

export function Group({ field, path, layout = 'rows', children }: GroupProps) {
  const id = useId()
  const error = useForm().errors.get(path)
  return (
    // Radios and checkboxes have no state of their own for being wrong: the group says it, and where the focus has to go.
    <fieldset
      aria-describedby={describedBy(id, field, error)}
      data-invalid={error ? '' : undefined}
      data-path={path}
      className="flex min-w-0 flex-col gap-1"
    >
      <legend className="mb-1 font-medium">
        <Name field={field} />
      </legend>
      {field.hint && <Hint id={`${id}-hint`} text={field.hint} />}
      <div className={LAYOUTS[layout]}>{children(id)}</div>
      <ErrorText id={`${id}-error`} error={error} />
    </fieldset>
  )
}

export function Choice({ label, hint, children }: { label: string; hint?: string | undefined; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label className="flex min-h-10 cursor-pointer items-center gap-3 rounded-lg border border-line bg-raised px-3 py-2 has-checked:border-accent has-checked:bg-accent-soft has-focus-visible:outline-2 has-focus-visible:outline-accent">
      {children}
      <span className="min-w-0">
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

const Name = ({ field }: { field: Named }) => (
  <>
    <AgentText text={field.label || t('Answer')} />
    {/* The space is for who hears the name. */}
    {!field.required && <span className="text-sm font-normal text-muted"> {t('(optional)')}</span>}
  </>
)

const Hint = ({ id, text }: { id: string; text: string }) => (
  <p id={id} className="text-sm text-muted">
    <AgentText text={text} />
  </p>
)

export function ErrorText({ id, error }: { id: string; error: string | undefined }) {
  if (!error) return null
  return (
    <p id={id} className="text-sm font-medium text-danger">
      <span aria-hidden="true">⚠ </span>
      {error}
    </p>
  )
}
