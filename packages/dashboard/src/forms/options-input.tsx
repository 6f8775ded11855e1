// The options of a choice, in their order, and which of them are chosen at first.

import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useEditing } from './context.ts'
import { asText, newOption, type Raw, rows } from './kinds.ts'
import { withMember } from './member-input.tsx'
import { Rows } from './rows.tsx'

type Props = { field: Raw; at: string; onChange: (field: Raw) => void }

const nameOf = ({ label, value }: Raw): string => asText(label) || String(value ?? '') || t('Option')
const noteOf = ({ value }: Raw): string => String(value ?? '')

export function OptionsInput({ field, at, onChange }: Props) {
  const { wrong } = useEditing()
  const options = rows(field.options)
  const isPicture = field.kind === 'picture_choice'
  const set = (next: readonly Raw[]) => onChange(withDefaultsOf({ ...field, options: next }))
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="mb-1 font-medium">{t('Options')}</legend>
      {wrong(`${at}/options`) && <p className="text-sm font-medium text-danger">{wrong(`${at}/options`)}</p>}
      <Rows
        label={t('Options')}
        items={options}
        at={`${at}/options`}
        nameOf={nameOf}
        noteOf={noteOf}
        keep={options.length < 2 ? t('One option has to stay.') : undefined}
        onChange={set}
      >
        {(option, i, replace) => (
          <OptionFields option={option} at={`${at}/options/${i}`} isPicture={isPicture} onChange={replace} />
        )}
      </Rows>
      <div>
        <Button small onClick={() => set([...options, newOption(options, isPicture)])}>
          {t('Add an option')}
        </Button>
      </div>
      <AtFirst field={field} options={options} onChange={onChange} />
    </fieldset>
  )
}

type OptionProps = { option: Raw; at: string; isPicture: boolean; onChange: (option: Raw) => void }

function OptionFields({ option, at, isPicture, onChange }: OptionProps) {
  const { wrong } = useEditing()
  const set = (member: string, value: unknown) => onChange(withMember(option, member, value))
  // What was a number stays one, as long as what is typed is one.
  const typed = (text: string) =>
    typeof option.value === 'number' && text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
  return (
    <div className="grid grid-cols-1 gap-x-4 gap-y-3 @sm:grid-cols-2">
      <TextField
        label={t('Label')}
        value={asText(option.label)}
        error={wrong(`${at}/label`)}
        onChange={(event) => set('label', event.target.value)}
      />
      <TextField
        label={t('Value in the answer')}
        value={String(option.value ?? '')}
        error={wrong(`${at}/value`)}
        onChange={(event) => set('value', typed(event.target.value))}
      />
      {isPicture && (
        <div className="@sm:col-span-2">
          <TextField
            label={t('Address of its picture')}
            hint={t('https://…, or an image as data:')}
            value={asText(option.image_url)}
            error={wrong(`${at}/image_url`)}
            onChange={(event) => set('image_url', event.target.value)}
          />
        </div>
      )}
      <div className="@sm:col-span-2">
        <TextField
          label={t('Hint')}
          value={asText(option.hint)}
          onChange={(event) => set('hint', event.target.value || undefined)}
        />
      </div>
    </div>
  )
}

type AtFirstProps = { field: Raw; options: readonly Raw[]; onChange: (field: Raw) => void }

/** A ranking begins with nothing, the others with what is said here. */
function AtFirst({ field, options, onChange }: AtFirstProps) {
  if (field.kind === 'ranking') return null
  const chosen: unknown[] = Array.isArray(field.default) ? field.default : []
  if (field.kind === 'single_select')
    return (
      <SelectField
        label={t('Chosen at first')}
        value={String(options.findIndex(({ value }) => value === field.default))}
        options={[{ value: '-1', label: t('None') }, ...options.map((one, i) => ({ value: String(i), label: nameOf(one) }))]}
        onChange={(event) => onChange(withMember(field, 'default', options[Number(event.target.value)]?.value))}
      />
    )
  return (
    <fieldset className="flex flex-wrap gap-x-5 gap-y-1">
      <legend className="mb-1 font-medium">{t('Chosen at first')}</legend>
      {options.map((option, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two options may have one value while they are being typed
        <label key={i} className="flex items-center gap-2">
          <input
            type="checkbox"
            checked={chosen.includes(option.value)}
            onChange={(event) => {
              const next = options
                .map(({ value }) => value)
                .filter((value) => (value === option.value ? event.target.checked : chosen.includes(value)))
              onChange(withMember(field, 'default', next.length > 0 ? next : undefined))
            }}
          />
          {nameOf(option)}
        </label>
      ))}
    </fieldset>
  )
}

/** What is offered no more is not chosen either. */
function withDefaultsOf(field: Raw): Raw {
  if (field.default === undefined) return field
  const values = rows(field.options).map(({ value }) => value)
  if (!Array.isArray(field.default)) return values.includes(field.default) ? field : withMember(field, 'default', undefined)
  const kept = field.default.filter((one) => values.includes(one))
  return withMember(field, 'default', kept.length > 0 ? kept : undefined)
}
