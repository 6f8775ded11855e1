// When people are reminded: as shipped, never, or at moments of one's own. The server says which moments there are.
import type { RouteAnswer } from '@countersign/sdk'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'

export type Reminder = NonNullable<RouteAnswer<'GET /tasks/settings'>['reminders']>[number]

type Kind = 'at_percent' | 'before' | 'after'
const KINDS: readonly { value: Kind; label: string }[] = [
  { value: 'at_percent', label: t('per cent of the time') },
  { value: 'before', label: t('seconds before the deadline') },
  { value: 'after', label: t('seconds after the question') },
]
const HOW = [
  { value: 'shipped', label: t('At half and nine tenths of the time') },
  { value: 'own', label: t('At moments of our own') },
  { value: 'never', label: t('Never') },
]
const MOST = 10

const read = (one: Reminder): { kind: Kind; value: number } =>
  'at_percent' in one
    ? { kind: 'at_percent', value: one.at_percent }
    : 'before' in one
      ? { kind: 'before', value: one.before }
      : { kind: 'after', value: one.after }
const made = (kind: Kind, value: number): Reminder =>
  kind === 'at_percent' ? { at_percent: value } : kind === 'before' ? { before: value } : { after: value }

type Props = { value: Reminder[] | null; error: string | undefined; onChange: (value: Reminder[] | null) => void }

export function RemindersField({ value, error, onChange }: Props) {
  const how = value === null ? 'shipped' : value.length === 0 ? 'never' : 'own'
  const replace = (at: number, next: Reminder) => onChange((value ?? []).map((one, i) => (i === at ? next : one)))
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="sr-only">{t('Reminders')}</legend>
      <SelectField
        label={t('People are reminded')}
        hint={t('Of tasks of an hour or more. Only who can still decide, and not in their quiet hours.')}
        value={how}
        options={HOW}
        onChange={(event) => {
          const { value: chosen } = event.target
          onChange(chosen === 'shipped' ? null : chosen === 'never' ? [] : [{ at_percent: 50 }])
        }}
      />
      {how === 'own' &&
        (value ?? []).map((one, i) => {
          const { kind, value: number } = read(one)
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: a reminder is nothing but its place in the list
            <div key={i} className="flex flex-wrap items-end gap-2">
              <div className="w-28">
                <TextField
                  label={t('Reminder {i}', { i: i + 1 })}
                  inputMode="numeric"
                  value={Number.isNaN(number) ? '' : String(number)}
                  onChange={(event) =>
                    replace(i, made(kind, event.target.value === '' ? Number.NaN : Number(event.target.value)))
                  }
                />
              </div>
              <div className="min-w-52 grow">
                <SelectField
                  label={t('counted in (reminder {i})', { i: i + 1 })}
                  value={kind}
                  options={KINDS}
                  onChange={(event) => replace(i, made(event.target.value as Kind, number))}
                />
              </div>
              <Button
                type="button"
                aria-label={t('Remove reminder {i}', { i: i + 1 })}
                onClick={() => onChange((value ?? []).filter((_, at) => at !== i))}
              >
                {t('Remove')}
              </Button>
            </div>
          )
        })}
      {error && (
        <p className="text-sm font-medium text-danger" role="alert">
          {error}
        </p>
      )}
      {how === 'own' && (
        <div>
          <Button
            type="button"
            small
            reason={(value ?? []).length >= MOST ? t('Ten are the most.') : undefined}
            onClick={() => onChange([...(value ?? []), { at_percent: 90 }])}
          >
            {t('Add a reminder')}
          </Button>
        </div>
      )}
    </fieldset>
  )
}
