// Inputs of a number on a scale, and of an order. A scale that nobody has touched says nothing, though the browser has to draw its handle somewhere.
import type { FieldOf } from '@countersign/sdk/form'
import { AgentText } from '../content/text.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { Group, Labelled, useInput } from './around.tsx'
import { useForm } from './context.ts'
import { type InputProps, textOf } from './texts.tsx'

export function SliderInput({ field, path, draft, onChange }: InputProps<FieldOf<'slider'>>) {
  const { id, error, common } = useInput({ field, path })
  const value = textOf(draft)
  const shown = value === '' ? t('not set') : `${field.prefix ?? ''}${value}${field.suffix ?? ''}`
  return (
    <Labelled field={field} path={path} id={id} error={error}>
      <div className="flex items-center gap-3">
        <span className="text-sm text-muted tabular-nums">{field.min}</span>
        <input
          {...common}
          type="range"
          min={field.min}
          max={field.max}
          step={field.step}
          value={value === '' ? field.min : value}
          aria-valuetext={shown}
          className="min-h-10 min-w-0 grow"
          onChange={(event) => onChange(event.target.value)}
          // The handle may stand where the person wants it already: a press on it counts.
          onClick={(event) => onChange(event.currentTarget.value)}
        />
        <span className="text-sm text-muted tabular-nums">{field.max}</span>
        <output htmlFor={id} className={`min-w-16 text-right tabular-nums ${value === '' ? 'text-muted' : 'font-medium'}`}>
          {shown}
        </output>
      </div>
      {!field.required && value !== '' && (
        <div>
          <Button small tone="quiet" disabled={common.disabled} onClick={() => onChange('')}>
            {t('Leave open')}
          </Button>
        </div>
      )}
    </Labelled>
  )
}

type PointsProps = InputProps<FieldOf<'star_rating'> | FieldOf<'opinion_scale'>>

function Points({
  field,
  path,
  draft,
  onChange,
  labels,
}: PointsProps & { labels: { value: string; shown: string; spoken: string }[] }) {
  const { disabled } = useForm()
  return (
    <Group field={field} path={path} layout="line">
      {(name) => (
        <>
          {labels.map(({ value, shown, spoken }) => (
            <label
              key={value}
              className="flex min-h-10 min-w-10 cursor-pointer items-center justify-center rounded-lg border border-line bg-raised px-2 tabular-nums has-checked:border-accent has-checked:bg-accent-soft has-checked:font-semibold has-focus-visible:outline-2 has-focus-visible:outline-accent"
            >
              <input
                type="radio"
                name={name}
                aria-label={spoken}
                disabled={disabled}
                checked={draft === value}
                className="sr-only"
                onChange={() => onChange(value)}
              />
              <span aria-hidden="true">{shown}</span>
            </label>
          ))}
          {!field.required && draft !== '' && draft !== undefined && (
            <Button small tone="quiet" disabled={disabled} onClick={() => onChange('')}>
              {t('Leave open')}
            </Button>
          )}
        </>
      )}
    </Group>
  )
}

export function StarInput(props: InputProps<FieldOf<'star_rating'>>) {
  const { field, draft } = props
  const given = Number(textOf(draft) || 0)
  const labels = Array.from({ length: field.max }, (_, i) => ({
    value: String(i + 1),
    shown: i < given ? '★' : '☆',
    spoken: t('{i} of {max}', { i: i + 1, max: field.max }),
  }))
  return <Points {...props} labels={labels} />
}

export function ScaleInput(props: InputProps<FieldOf<'opinion_scale'>>) {
  const { field } = props
  const labels = Array.from({ length: field.max - field.min + 1 }, (_, i) => String(field.min + i))
  const ends = [field.min_label, field.max_label].filter((one) => one !== undefined)
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <Points {...props} labels={labels.map((value) => ({ value, shown: value, spoken: spokenOf(field, value) }))} />
      {ends.length > 0 && (
        <div className="flex justify-between gap-4 text-sm text-muted" aria-hidden="true">
          <AgentText text={field.min_label ?? ''} />
          <AgentText text={field.max_label ?? ''} />
        </div>
      )}
    </div>
  )
}

const spokenOf = (field: FieldOf<'opinion_scale'>, value: string): string => {
  const end = value === String(field.min) ? field.min_label : value === String(field.max) ? field.max_label : undefined
  return end === undefined ? value : `${value}, ${visible(end)}`
}

export function RankingInput({ field, path, draft, onChange }: InputProps<FieldOf<'ranking'>>) {
  const { disabled } = useForm()
  const order = Array.isArray(draft) ? (draft as string[]) : field.options.map((_, i) => String(i))
  const swap = (at: number, to: number) => {
    const next = [...order]
    const [one] = next.splice(at, 1)
    next.splice(to, 0, one as string)
    onChange(next)
  }
  return (
    <Group field={field} path={path}>
      {() => (
        <>
          <ol className="flex flex-col gap-2">
            {order.map((index, at) => {
              const label = visible(field.options[Number(index)]?.label ?? '')
              return (
                <li key={index} className="flex items-center gap-3 rounded-lg border border-line bg-raised px-3 py-1.5">
                  <span className="w-6 text-muted tabular-nums">{at + 1}.</span>
                  <span className="min-w-0 grow wrap-anywhere">{label}</span>
                  <Button
                    small
                    tone="quiet"
                    disabled={disabled || at === 0}
                    aria-label={t('Move {label} up', { label })}
                    onClick={() => swap(at, at - 1)}
                  >
                    ↑
                  </Button>
                  <Button
                    small
                    tone="quiet"
                    disabled={disabled || at === order.length - 1}
                    aria-label={t('Move {label} down', { label })}
                    onClick={() => swap(at, at + 1)}
                  >
                    ↓
                  </Button>
                </li>
              )
            })}
          </ol>
          {!Array.isArray(draft) && (
            <div className="flex flex-wrap items-center gap-3">
              <Button small disabled={disabled} onClick={() => onChange(order)}>
                {t('Keep this order')}
              </Button>
              <span className="text-sm text-muted">{t('Not ordered yet.')}</span>
            </div>
          )}
        </>
      )}
    </Group>
  )
}
