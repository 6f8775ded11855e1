// Draws the fields of a form, one input for each kind. Native controls only: they bring keyboards, pickers and names of their own.
import { type Draft, type Drafts, type Field, SHOWN } from '@countersign/sdk/form'
import { MultiSelectInput, PictureInput, SelectInput, SwitchInput } from './choices.tsx'
import type { FieldsProps } from './context.ts'
import { SectionInput, SubformInput, TableInput, VariantInput } from './entries.tsx'
import { RankingInput, ScaleInput, SliderInput, StarInput } from './numbers.tsx'
import { NoFile, Shown } from './shown.tsx'
import { JsonText, LongText, RichText, ShortText } from './texts.tsx'
import { DateInput, DateRangeInput, DateTimeInput, TimeInput } from './times.tsx'

const WIDE: readonly Field['kind'][] = [
  ...SHOWN,
  ...([
    'long_text',
    'rich_text',
    'json',
    'table',
    'subform',
    'section_collapse',
    'variant',
    'picture_choice',
    'ranking',
  ] as const),
]

export function Fields({ fields, base, drafts, wide = true, onChange }: FieldsProps) {
  const columns = wide ? 'flex flex-col gap-5' : 'grid grid-cols-1 items-start gap-x-6 gap-y-5 @lg:grid-cols-2'
  return (
    <div className={columns}>
      {fields.map((field) => (
        <div
          key={`${field.kind}/${field.name}`}
          className={`min-w-0 ${!wide && WIDE.includes(field.kind) ? '@lg:col-span-2' : ''}`}
        >
          {field.kind === 'section_collapse' ? (
            <SectionInput field={field} base={base} drafts={drafts} onChange={onChange} />
          ) : (
            <OneField
              field={field}
              base={base}
              draft={drafts[field.name]}
              onChange={(draft) => onChange({ ...drafts, [field.name]: draft } satisfies Drafts)}
            />
          )}
        </div>
      ))}
    </div>
  )
}

type OneProps = { field: Field; base: string; draft: Draft; onChange: (draft: Draft) => void }

function OneField({ field, base, draft, onChange }: OneProps) {
  const own = { path: base + field.path, draft, onChange }
  switch (field.kind) {
    case 'short_text':
      return <ShortText field={field} {...own} />
    case 'long_text':
      return <LongText field={field} {...own} />
    case 'rich_text':
      return <RichText field={field} {...own} />
    case 'json':
      return <JsonText field={field} {...own} />
    case 'switch':
      return <SwitchInput field={field} {...own} />
    case 'single_select':
      return <SelectInput field={field} {...own} />
    case 'multi_select':
      return <MultiSelectInput field={field} {...own} />
    case 'picture_choice':
      return <PictureInput field={field} {...own} />
    case 'slider':
      return <SliderInput field={field} {...own} />
    case 'star_rating':
      return <StarInput field={field} {...own} />
    case 'opinion_scale':
      return <ScaleInput field={field} {...own} />
    case 'ranking':
      return <RankingInput field={field} {...own} />
    case 'date':
      return <DateInput field={field} {...own} />
    case 'datetime':
      return <DateTimeInput field={field} {...own} />
    case 'date_range':
      return <DateRangeInput field={field} {...own} />
    case 'time':
      return <TimeInput field={field} {...own} />
    case 'table':
      return <TableInput field={field} {...own} />
    case 'subform':
      return <SubformInput field={field} {...own} />
    case 'variant':
      return <VariantInput field={field} base={base} {...own} />
    case 'file_upload':
    case 'signature':
      return <NoFile field={field} />
    default:
      return <Shown field={field} />
  }
}
