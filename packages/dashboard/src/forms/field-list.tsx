// The fields of a form, or of a part of one, in their order: open one to change it, move it, remove it, add another.
import type { Kind } from '@countersign/sdk/form'
import { useState } from 'react'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { useEditing } from './context.ts'
import { FieldEditor, type ListProps } from './field-editor.tsx'
import { asks, KINDS, namesIn, newField, type Raw, titleOf, wordOf } from './kinds.ts'
import { Rows } from './rows.tsx'

const DEEPEST = 5
const NESTED: readonly Kind[] = ['section_collapse', 'subform']

const noteOf = ({ kind, required }: Raw): string =>
  asks(kind) && required === false ? t('{kind}, optional', { kind: wordOf(kind) }) : wordOf(kind)

export function FieldList({ label, fields, at, place, taken = [], level, needsOne, onChange }: ListProps) {
  const { wrong } = useEditing()
  const [kind, setKind] = useState<Kind>('short_text')
  const names = [...taken, ...namesIn(fields)]
  const isDeep = level >= DEEPEST && NESTED.includes(kind)
  return (
    <div className="flex flex-col gap-3">
      {wrong(at) && <p className="text-sm font-medium text-danger">{wrong(at)}</p>}
      {fields.length === 0 && <p className="text-muted">{t('Nothing is asked yet. Add the first field.')}</p>}
      <Rows
        label={label}
        items={fields}
        at={at}
        nameOf={titleOf}
        noteOf={noteOf}
        keep={needsOne && fields.length < 2 ? t('One field has to stay; remove the whole instead.') : undefined}
        onChange={onChange}
      >
        {(field, i, replace) => (
          <FieldEditor
            field={field}
            at={`${at}/${i}`}
            place={place}
            taken={[...taken, ...namesIn(fields.filter((_, other) => other !== i))]}
            level={level}
            onChange={replace}
            List={FieldList}
          />
        )}
      </Rows>
      <div className="flex flex-wrap items-end gap-2">
        <div className="min-w-44 grow">
          <SelectField
            label={
              level === 1
                ? t('Kind of the next field')
                : t('Kind of the next field in {label}', { label: label.replace(/^Fields of /, '') })
            }
            value={kind}
            groups={KINDS.map(({ group, kinds }) => ({
              label: group,
              options: kinds.map(([value, word]) => ({ value, label: word })),
            }))}
            onChange={(event) => setKind(event.target.value as Kind)}
          />
        </div>
        <Button
          reason={isDeep ? t('Fields are nested five deep at most.') : undefined}
          onClick={() => onChange([...fields, newField(kind, names)])}
        >
          {t('Add field')}
        </Button>
      </div>
    </div>
  )
}
