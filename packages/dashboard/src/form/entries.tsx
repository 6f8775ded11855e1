// Fields that hold other fields: sections, tables, lists of entries, and unions. What is inside is drawn by the form that they stand in.
import { type Column, type Draft, type Drafts, emptyEntry, type FieldOf, step } from '@countersign/sdk/form'
import { AgentText } from '../content/text.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { INPUT } from '../ui/text-field.tsx'
import { Choice, ErrorText, Group } from './around.tsx'
import { Select } from './choices.tsx'
import { useForm } from './context.ts'
import { type InputProps, textOf } from './texts.tsx'

const entriesOf = (draft: Draft): Drafts[] => (Array.isArray(draft) ? draft : []) as Drafts[]
const atMost = (most: number | undefined, own: number): string | undefined =>
  most !== undefined && own >= most ? t('At most {most} entries.', { most }) : undefined

export function SubformInput({ field, path, draft, onChange }: InputProps<FieldOf<'subform'>>) {
  const { disabled, Fields } = useForm()
  const entries = entriesOf(draft)
  const one = visible(field.label || t('Entry'))
  const fixed = field.fields.some((inner) => inner.path === '')
  return (
    <Group field={field} path={path} layout="nested">
      {() => (
        <>
          {entries.length === 0 && <p className="text-muted">{t('No entries yet.')}</p>}
          {entries.map((entry, i) => {
            const name = `${field.label || t('Entry')} ${i + 1}`
            const inner = fixed ? field.fields.map((only) => ({ ...only, label: name })) : field.fields
            const Box = fixed ? 'div' : 'fieldset'
            return (
              // An entry has no identity of its own but its place.
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              <Box key={i} className="flex min-w-0 flex-col gap-3 border-b border-line pb-4">
                {!fixed && (
                  <legend className="mb-1 font-medium">
                    <AgentText text={name} />
                  </legend>
                )}
                <Fields
                  fields={inner}
                  base={path + step(i)}
                  drafts={entry}
                  onChange={(next) => onChange(entries.map((other, at) => (at === i ? next : other)))}
                />
                <div>
                  <Button small disabled={disabled} onClick={() => onChange(entries.filter((_, at) => at !== i))}>
                    {visible(field.remove_label)} {one} {i + 1}
                  </Button>
                </div>
              </Box>
            )
          })}
          <div>
            <Button
              small
              disabled={disabled}
              reason={atMost(field.max_count, entries.length)}
              aria-label={t('{addLabel} to {one}', { addLabel: visible(field.add_label), one })}
              onClick={() => onChange([...entries, emptyEntry(field)])}
            >
              {visible(field.add_label)}
            </Button>
          </div>
        </>
      )}
    </Group>
  )
}

export function TableInput({ field, path, draft, onChange }: InputProps<FieldOf<'table'>>) {
  const { disabled } = useForm()
  const rows = entriesOf(draft)
  const one = visible(field.label || t('Row'))
  const change = (at: number, name: string, value: Draft) =>
    onChange(rows.map((row, i) => (i === at ? { ...row, [name]: value } : row)))
  return (
    <Group field={field} path={path} layout="bare">
      {() => (
        <div className="flex flex-col gap-3">
          {rows.length === 0 && <p className="text-muted">{t('No entries yet.')}</p>}
          {rows.map((row, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a row has no identity but its place
            <fieldset key={i} className="min-w-0 rounded-lg border border-line p-3">
              <legend className="px-1 text-sm text-muted">
                <AgentText text={`${field.label || t('Row')} ${i + 1}`} />
              </legend>
              <div className="grid grid-cols-1 items-start gap-3 sm:grid-cols-[repeat(auto-fit,minmax(9rem,1fr))]">
                {field.columns.map((column) => (
                  <Cell
                    key={column.name}
                    column={column}
                    path={path + step(i) + step(column.name)}
                    row={i + 1}
                    draft={row[column.name]}
                    onChange={(value) => change(i, column.name, value)}
                  />
                ))}
              </div>
              {field.allow_remove_row && (
                <Button
                  small
                  tone="quiet"
                  className="mt-2 -ml-3"
                  disabled={disabled}
                  reason={
                    rows.length <= (field.min_rows ?? 0)
                      ? t('At least {minRows} entries.', { minRows: field.min_rows })
                      : undefined
                  }
                  onClick={() => onChange(rows.filter((_, at) => at !== i))}
                >
                  {t('Remove {one} {i}', { one, i: i + 1 })}
                </Button>
              )}
            </fieldset>
          ))}
          {field.allow_add_row && (
            <div>
              <Button
                small
                disabled={disabled}
                reason={atMost(field.max_rows, rows.length)}
                onClick={() => onChange([...rows, emptyEntry(field)])}
              >
                {t('Add to {one}', { one })}
              </Button>
            </div>
          )}
        </div>
      )}
    </Group>
  )
}

type CellProps = { column: Column; path: string; row: number; draft: Draft; onChange: (draft: Draft) => void }

const CELL_TYPES = { date: 'date', datetime: 'datetime-local' } as const

function Cell({ column, path, row, draft, onChange }: CellProps) {
  const { errors, disabled } = useForm()
  const error = errors.get(path)
  const id = `cell${path}`
  const common = {
    disabled,
    'aria-invalid': error ? true : undefined,
    'aria-describedby': error ? `${id}-error` : undefined,
    'aria-required': column.required || undefined,
  } as const
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label className="flex min-w-0 flex-col gap-1 text-sm" data-path={path}>
      <span>
        <AgentText text={column.label} />
        <span className="sr-only"> {row}</span>
        {!column.required && <span className="text-muted"> {t('(optional)')}</span>}
        {column.currency_code && <span className="text-muted"> {column.currency_code}</span>}
      </span>
      {column.kind === 'single_select' && <Select {...common} options={column.options ?? []} value={draft} onPick={onChange} />}
      {column.kind === 'switch' && (
        <select
          {...common}
          className={INPUT}
          value={typeof draft === 'boolean' ? String(draft) : ''}
          onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value === 'true')}
        >
          <option value="">{t('Choose…')}</option>
          <option value="true">{t('Yes')}</option>
          <option value="false">{t('No')}</option>
        </select>
      )}
      {column.kind === 'long_text' && (
        <textarea
          {...common}
          rows={2}
          placeholder={column.placeholder}
          value={textOf(draft)}
          className={INPUT}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {column.kind !== 'single_select' && column.kind !== 'switch' && column.kind !== 'long_text' && (
        <input
          {...common}
          type={CELL_TYPES[column.kind as keyof typeof CELL_TYPES] ?? 'text'}
          inputMode={column.kind === 'number' || column.kind === 'currency' ? 'decimal' : undefined}
          autoComplete="off"
          placeholder={column.placeholder}
          value={textOf(draft)}
          className={INPUT}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      <ErrorText id={`${id}-error`} error={error} />
    </label>
  )
}

type SectionProps = { field: FieldOf<'section_collapse'>; base: string; drafts: Drafts; onChange: (drafts: Drafts) => void }

/** Its fields are those of the form around it: a section groups, it does not nest. */
export function SectionInput({ field, base, drafts, onChange }: SectionProps) {
  const { errors, Fields } = useForm()
  const named = field.label !== '' ? field.label : field.title
  return (
    <details
      open={field.default_open || field.fields.some((inner) => errors.has(base + inner.path)) || undefined}
      className="min-w-0 rounded-lg border border-line open:pb-4"
    >
      <summary className="cursor-pointer px-4 py-2.5 font-medium">
        <AgentText text={field.title} />
        {field.subtitle && (
          <span className="block text-sm font-normal text-muted">
            <AgentText text={field.subtitle} />
          </span>
        )}
      </summary>
      <fieldset className="min-w-0 px-4 pt-2" aria-label={visible(named)}>
        <Fields fields={field.fields} base={base} drafts={drafts} onChange={onChange} />
      </fieldset>
    </details>
  )
}

export function VariantInput({ field, path, draft, onChange, base }: InputProps<FieldOf<'variant'>> & { base: string }) {
  const { disabled, Fields } = useForm()
  const own = (typeof draft === 'object' && !Array.isArray(draft) ? draft : { chosen: '' }) as Drafts
  const chosen = typeof own.chosen === 'string' ? own.chosen : ''
  const option = chosen === '' ? undefined : field.options[Number(chosen)]
  const pick = (index: string) => onChange({ ...own, chosen: index })
  return (
    <Group field={field} path={path} layout="nested">
      {(name) => (
        <>
          {field.options.length > 6 ? (
            <Select options={field.options} value={chosen} disabled={disabled} aria-label={visible(field.label)} onPick={pick} />
          ) : (
            <div className="flex flex-wrap gap-2">
              {field.options.map((one, i) => (
                <Choice key={String(i)} label={one.label}>
                  <input
                    type="radio"
                    name={name}
                    disabled={disabled}
                    checked={chosen === String(i)}
                    onChange={() => pick(String(i))}
                  />
                </Choice>
              ))}
              {!field.required && (
                <Choice label={t('Leave open')}>
                  <input type="radio" name={name} disabled={disabled} checked={chosen === ''} onChange={() => pick('')} />
                </Choice>
              )}
            </div>
          )}
          {option && option.fields.length > 0 && (
            <Fields
              fields={option.fields}
              base={base}
              drafts={(own[chosen] ?? {}) as Drafts}
              onChange={(next) => onChange({ ...own, [chosen]: next })}
            />
          )}
        </>
      )}
    </Group>
  )
}
