// The form as a list of fields. Each change is written into definition and schema at once; what the list cannot say it leaves to the JSON, and says so.
import type { Form } from '@countersign/sdk/form'
import type { KeyboardEvent } from 'react'
import { AgentText } from '../content/text.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { type Editing, EditingProvider } from './context.ts'
import { askedBySchema, definitionOf } from './definition.ts'
import { FieldList } from './field-list.tsx'
import { written } from './json-tab.tsx'
import { MemberInputs } from './member-input.tsx'
import type { Member } from './members.ts'
import { isJoined, type Schema, synced } from './schema-of.ts'

type Props = {
  /** Null while it cannot be read. */
  schema: Schema | null
  definition: Record<string, unknown> | null
  form: Form | null
  faults: readonly { path: string; message: string }[]
  onChange: (texts: { schema?: string; definition?: string }) => void
}

const AT = '/form_definition'
const WHOLE: readonly Member[] = [
  { member: 'title', label: t('Heading over the form'), as: 'text' },
  { member: 'submit_label', label: t('Word on the button'), as: 'text', fallback: t('Send answer') },
  {
    ...{ member: 'layout', label: t('Fields stand'), as: 'choice', fallback: 'one_column' },
    options: [
      { value: 'one_column', label: t('One below the other') },
      { value: 'two_column', label: t('In two columns where there is room') },
    ],
  },
]

export function FieldsTab({ schema, definition: given, form, faults, onChange }: Props) {
  if (!schema || !form)
    return <Banner tone="warning">{t('The JSON cannot be read yet. Mend it there; the fields come back.')}</Banner>
  if (isJoined(schema))
    return (
      <Banner tone="info">{t('The schema of this form is put together from parts, so its fields are changed as JSON.')}</Banner>
    )
  const definition = definitionOf(given, form)
  const others = askedBySchema(definition, form)
  const editing: Editing = {
    wrong: (at) => faults.find(({ path }) => path === at)?.message,
    isWrongIn: (at) => faults.some(({ path }) => path === at || path.startsWith(`${at}/`)),
    schema,
    onSchema: (next) => onChange({ schema: written(next) }),
  }
  // A line of text is finished by Enter; the form is stored by its button.
  const keepOpen = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && event.target instanceof HTMLInputElement) event.preventDefault()
  }
  return (
    <EditingProvider value={editing}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: Enter in any of its inputs */}
      <div onKeyDown={keepOpen} className="flex flex-col gap-4">
        <FieldList
          label={t('Fields')}
          fields={definition.fields}
          at={`${AT}/fields`}
          place=""
          level={1}
          onChange={(fields) =>
            onChange({
              definition: written({ ...definition, fields }),
              schema: written(synced(schema, definition.fields, fields)),
            })
          }
        />
        {others.length > 0 && (
          <p className="text-sm text-muted">
            {rich('Also asked, because the schema wants it: {others}. Change that as JSON.', {
              others: <AgentText text={others.join(', ')} />,
            })}
          </p>
        )}
        <details className="rounded-lg border border-line px-3 py-2">
          <summary className="cursor-pointer font-medium">{t('Heading, button and layout')}</summary>
          <div className="@container pt-3 pb-1">
            <MemberInputs
              members={WHOLE}
              item={definition}
              at={AT}
              onChange={(next) => onChange({ definition: written(next) })}
            />
          </div>
        </details>
      </div>
    </EditingProvider>
  )
}
