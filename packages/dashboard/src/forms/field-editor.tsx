// One field, opened: its words, its name in the answer, whether it has to be filled in, and what its kind has besides. Sections and entries hold lists of their own.
import { type Kind, step, steps } from '@countersign/sdk/form'
import type { ComponentType } from 'react'
import { t } from '../text/t.ts'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { BoundsInput } from './bounds-input.tsx'
import { ColumnsInput } from './columns-input.tsx'
import { useEditing } from './context.ts'
import { asKind, asks, asText, isFile, isKind, isNameless, KINDS, type Raw, rows, slug, unused, wordOf } from './kinds.ts'
import { MemberInputs, withMember } from './member-input.tsx'
import { isNumeric, membersOf } from './members.ts'
import { NameInput } from './name-input.tsx'
import { OptionsInput } from './options-input.tsx'

/** The fields of a form, or of a part of one. */
export type ListProps = {
  label: string
  fields: readonly Raw[]
  /** In the definition. */
  at: string
  /** Of what they stand in, as a pointer into the schema. */
  place: string
  /** Names that stand in the same scope outside of this list. */
  taken?: readonly string[]
  level: number
  needsOne?: true
  onChange: (fields: Raw[]) => void
}

type Props = {
  field: Raw
  /** In the definition. */
  at: string
  /** Of what the field stands in, as a pointer into the schema. */
  place: string
  /** Names that others of its scope have. */
  taken: readonly string[]
  level: number
  onChange: (field: Raw) => void
  /** Handed in by the list that this field stands in. */
  List: ComponentType<ListProps>
}

const HAS_OPTIONS = ['single_select', 'multi_select', 'picture_choice', 'ranking']
const HAS_LABEL = ['image', 'video', 'pdf_viewer', 'html']

export function FieldEditor(props: Props) {
  const { field, at, place, taken, level, onChange, List } = props
  const { wrong } = useEditing()
  const isAsked = asks(field.kind)
  const path = typeof field.path === 'string' ? field.path : step(asText(field.name))
  const own =
    place +
    steps(path)
      .map((name) => `/properties${step(name)}`)
      .join('')
  const set = (member: string, value: unknown) => onChange(withMember(field, member, value))
  const nameIt = () => {
    const name = slug(asText(field.label))
    if (isAsked && isNameless(field) && name !== '' && field.label !== wordOf(field.kind)) set('name', unused(name, taken))
  }
  return (
    <>
      {(isAsked || HAS_LABEL.includes(String(field.kind))) && (
        <TextField
          label={t('Label')}
          value={asText(field.label)}
          error={wrong(`${at}/label`)}
          onChange={(event) => set('label', event.target.value)}
          onBlur={nameIt}
        />
      )}
      <div className="grid grid-cols-1 items-start gap-x-4 gap-y-3 @sm:grid-cols-2">
        <KindField field={field} error={wrong(`${at}/kind`)} onChoose={(kind) => onChange(asKind(field, kind, taken))} />
        {isAsked && <NameInput item={field} at={at} taken={taken} onChange={onChange} />}
      </div>
      {isAsked && (
        <TextField
          label={t('Hint')}
          value={asText(field.hint)}
          onChange={(event) => set('hint', event.target.value || undefined)}
        />
      )}
      {isAsked && <Required field={field} onChange={onChange} />}
      {field.kind === 'switch' && <SwitchAtFirst field={field} onChange={onChange} />}
      {HAS_OPTIONS.includes(String(field.kind)) && <OptionsInput field={field} at={at} onChange={onChange} />}
      <MemberInputs members={membersOf(field)} item={field} at={at} onChange={onChange} />
      {isNumeric(field) && <BoundsInput place={own} />}
      {field.kind === 'table' && <ColumnsInput field={field} at={at} onChange={onChange} />}
      {field.kind === 'section_collapse' && (
        <List
          label={t('Fields of {title}', { title: asText(field.title) || t('the section') })}
          fields={rows(field.fields)}
          at={`${at}/fields`}
          place={place}
          taken={taken}
          level={level + 1}
          needsOne
          onChange={(fields) => set('fields', fields)}
        />
      )}
      {field.kind === 'subform' && (
        <List
          label={t('Fields of an entry of {label}', { label: asText(field.label) || t('the list') })}
          fields={rows(field.fields)}
          at={`${at}/fields`}
          place={`${own}/items`}
          taken={[]}
          level={level + 1}
          needsOne
          onChange={(fields) => set('fields', fields)}
        />
      )}
    </>
  )
}

type KindProps = { field: Raw; error: string | undefined; onChoose: (kind: Kind) => void }

const KindField = ({ field, error, onChoose }: KindProps) => (
  <div className="min-w-0">
    <SelectField
      label={t('Kind')}
      options={isKind(field.kind) ? [] : [{ value: String(field.kind), label: wordOf(field.kind) }]}
      value={String(field.kind)}
      groups={KINDS.map(({ group, kinds }) => ({ label: group, options: kinds.map(([value, label]) => ({ value, label })) }))}
      onChange={(event) => onChoose(event.target.value as Kind)}
    />
    {error && <p className="mt-1 text-sm font-medium text-danger">{error}</p>}
  </div>
)

function Required({ field, onChange }: { field: Raw; onChange: (field: Raw) => void }) {
  const isNever = isFile(field.kind)
  return (
    <div>
      <label className="flex min-h-10 items-center gap-2">
        <input
          type="checkbox"
          checked={field.required !== false && !isNever}
          disabled={isNever}
          onChange={(event) => onChange(withMember(field, 'required', event.target.checked ? undefined : false))}
        />
        {t('Required')}
      </label>
      {isNever && (
        <p className="text-sm text-muted">{t('There is no store for files in this version, so none can be required.')}</p>
      )}
    </div>
  )
}

const SwitchAtFirst = ({ field, onChange }: { field: Raw; onChange: (field: Raw) => void }) => (
  <SelectField
    label={t('Chosen at first')}
    value={typeof field.default === 'boolean' ? String(field.default) : ''}
    options={[
      { value: '', label: t('Neither') },
      { value: 'true', label: asText(field.true_label) || t('Yes') },
      { value: 'false', label: asText(field.false_label) || t('No') },
    ]}
    onChange={({ target: { value } }) => onChange(withMember(field, 'default', value === '' ? undefined : value === 'true'))}
  />
)
