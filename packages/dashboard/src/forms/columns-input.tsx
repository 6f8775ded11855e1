// The columns of a table, in their order.

import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useEditing } from './context.ts'
import { asText, newColumn, newOption, type Raw, rows, titleOf } from './kinds.ts'
import { MemberInputs } from './member-input.tsx'
import { membersOfColumn } from './members.ts'
import { NameInput } from './name-input.tsx'
import { OptionsInput } from './options-input.tsx'
import { Rows } from './rows.tsx'

const noteOf = ({ kind, required }: Raw): string =>
  required === false ? t('{kind}, optional', { kind: wireWord(String(kind)) }) : wireWord(String(kind))

export function ColumnsInput({ field, at, onChange }: { field: Raw; at: string; onChange: (field: Raw) => void }) {
  const { wrong } = useEditing()
  const columns = rows(field.columns)
  const set = (next: readonly Raw[]) => onChange({ ...field, columns: next })
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 font-medium">{t('Columns')}</legend>
      {wrong(`${at}/columns`) && <p className="text-sm font-medium text-danger">{wrong(`${at}/columns`)}</p>}
      <Rows
        label={t('Columns')}
        items={columns}
        at={`${at}/columns`}
        nameOf={titleOf}
        noteOf={noteOf}
        keep={columns.length < 2 ? t('One column has to stay.') : undefined}
        onChange={set}
      >
        {(column, i, replace) => (
          <>
            <div className="grid grid-cols-1 gap-x-4 gap-y-3 @sm:grid-cols-2">
              <TextField
                label={t('Label')}
                value={asText(column.label)}
                error={wrong(`${at}/columns/${i}/label`)}
                onChange={(event) => replace({ ...column, label: event.target.value })}
              />
              <NameInput item={column} at={`${at}/columns/${i}`} taken={namesBut(columns, i)} onChange={replace} />
            </div>
            <MemberInputs
              members={membersOfColumn(column)}
              item={column}
              at={`${at}/columns/${i}`}
              onChange={(next) => replace(withOptions(next))}
            />
            {column.kind === 'single_select' && <OptionsInput field={column} at={`${at}/columns/${i}`} onChange={replace} />}
          </>
        )}
      </Rows>
      <div>
        <Button small onClick={() => set([...columns, newColumn(columns)])}>
          {t('Add a column')}
        </Button>
      </div>
    </fieldset>
  )
}

const namesBut = (columns: readonly Raw[], but: number): string[] =>
  columns.filter((_, i) => i !== but).map(({ name }) => asText(name))

/** A choice needs options and nothing else has any. */
function withOptions(column: Raw): Raw {
  const { options, ...others } = column
  return column.kind === 'single_select' ? { ...column, options: options ?? [newOption([])] } : others
}
