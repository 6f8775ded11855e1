// Inputs that one chooses from. Nothing is chosen at first unless the asker said so: a yes must be somebody's act.
import type { Draft, FieldOf, Option } from '@countersign/sdk/form'
import { RemoteImage } from '../content/remote.tsx'
import { t } from '../text/t.ts'
import { visible } from '../ui/marks.ts'
import { INPUT } from '../ui/text-field.tsx'
import { Choice, Group, Labelled, useInput } from './around.tsx'
import { useForm } from './context.ts'
import type { InputProps } from './texts.tsx'

export function SwitchInput({ field, path, draft, onChange }: InputProps<FieldOf<'switch'>>) {
  const { disabled } = useForm()
  const options: { label: string; value: boolean | undefined }[] = [
    { label: field.true_label, value: true },
    { label: field.false_label, value: false },
  ]
  if (!field.required) options.push({ label: t('Leave open'), value: undefined })
  return (
    <Group field={field} path={path} layout="line">
      {(name) =>
        options.map((option) => (
          <Choice key={String(option.value)} label={option.label}>
            <input
              type="radio"
              name={name}
              disabled={disabled}
              checked={draft === option.value && (option.value !== undefined || !field.required)}
              onChange={() => onChange(option.value)}
            />
          </Choice>
        ))
      }
    </Group>
  )
}

export function SelectInput({ field, path, draft, onChange }: InputProps<FieldOf<'single_select'>>) {
  const { id, error, common } = useInput({ field, path })
  const { disabled } = useForm()
  if (field.options.length > 6)
    return (
      <Labelled field={field} path={path} id={id} error={error}>
        <Select {...common} options={field.options} value={draft} onPick={onChange} />
      </Labelled>
    )
  return (
    <Group field={field} path={path}>
      {(name) => (
        <>
          {field.options.map((option, i) => (
            <Choice key={String(i)} label={option.label} hint={option.hint}>
              <input
                type="radio"
                name={name}
                disabled={disabled}
                checked={draft === String(i)}
                onChange={() => onChange(String(i))}
              />
            </Choice>
          ))}
          {!field.required && (
            <Choice label={t('Leave open')}>
              <input
                type="radio"
                name={name}
                disabled={disabled}
                checked={draft === '' || draft === undefined}
                onChange={() => onChange('')}
              />
            </Choice>
          )}
        </>
      )}
    </Group>
  )
}

type SelectProps = {
  options: readonly Option[]
  value: Draft
  onPick: (index: string) => void
  'aria-label'?: string
  disabled?: boolean
}

export const Select = ({ options, value, onPick, ...rest }: SelectProps) => (
  <select
    {...rest}
    value={typeof value === 'string' ? value : ''}
    className={INPUT}
    onChange={(event) => onPick(event.target.value)}
  >
    <option value="">{t('Choose…')}</option>
    {options.map((option, i) => (
      // 1 and "1" read alike and are two options: the place tells them apart.
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <option key={i} value={String(i)}>
        {visible(option.label)}
      </option>
    ))}
  </select>
)

const toggled = (draft: Draft, index: string): string[] => {
  const chosen = (Array.isArray(draft) ? draft : []) as string[]
  return chosen.includes(index) ? chosen.filter((one) => one !== index) : [...chosen, index]
}
const isChosen = (draft: Draft, index: string): boolean => (Array.isArray(draft) ? draft.includes(index) : draft === index)

export function MultiSelectInput({ field, path, draft, onChange }: InputProps<FieldOf<'multi_select'>>) {
  const { disabled } = useForm()
  return (
    <Group field={field} path={path}>
      {(name) =>
        field.options.map((option, i) => (
          <Choice key={String(i)} label={option.label} hint={option.hint}>
            <input
              type="checkbox"
              name={name}
              disabled={disabled}
              checked={isChosen(draft, String(i))}
              onChange={() => onChange(toggled(draft, String(i)))}
            />
          </Choice>
        ))
      }
    </Group>
  )
}

export function PictureInput({ field, path, draft, onChange }: InputProps<FieldOf<'picture_choice'>>) {
  const { disabled, loadImage } = useForm()
  return (
    <Group field={field} path={path} layout="bare">
      {(name) => (
        <div className="grid grid-cols-2 gap-3 sm:grid-cols-3">
          {field.options.map((option, i) => (
            <div key={String(i)} className="flex flex-col gap-2">
              <RemoteImage url={option.image_url} alt={option.label} load={loadImage} />
              <Choice label={option.label} hint={option.hint}>
                <input
                  type={field.multiple ? 'checkbox' : 'radio'}
                  name={name}
                  disabled={disabled}
                  checked={isChosen(draft, String(i))}
                  onChange={() => onChange(field.multiple ? toggled(draft, String(i)) : String(i))}
                />
              </Choice>
            </div>
          ))}
        </div>
      )}
    </Group>
  )
}
