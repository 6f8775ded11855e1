// A form of Slack, drawn from its view and sent as Slack sends it: what was typed by block and action, in the shape that each kind of element has there.
import { type FormEvent, type ReactNode, useId, useState } from 'react'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { INPUT } from '../ui/text-field.tsx'
import { Blocks } from './blocks.tsx'
import { type Block, type Element, type Option, searchOptions, useAct, type View } from './desk.ts'

/** Of one element: a text, one option, or several. */
type Typed = string | Option | null | Option[]
type Reaction = { response_action?: string; errors?: Record<string, string> }

const NEEDED = t('Please complete this required field.')

export function Modal({ view, as }: { view: View; as: string }) {
  const inputs = view.blocks.filter(({ type }) => type === 'input')
  const [typed, setTyped] = useState<Record<string, Typed>>(() =>
    Object.fromEntries(inputs.map((block) => [idOf(block), firstOf(block)])),
  )
  const [missing, setMissing] = useState<Record<string, string>>({})
  const submit = useAct<{ view_id: string; values: object }, Reaction>('/dev/slack/submit')
  const close = useAct<{ view_id: string }>('/dev/slack/close')
  const errors = { ...(submit.data?.response_action === 'errors' ? submit.data.errors : {}), ...missing }

  const send = (event: FormEvent) => {
    event.preventDefault()
    const empty = inputs.filter((block) => !block.optional && isEmpty(typed[idOf(block)] ?? null))
    setMissing(Object.fromEntries(empty.map((block) => [idOf(block), NEEDED])))
    if (empty.length > 0) return
    const values = Object.fromEntries(
      inputs.map((block) => [
        idOf(block),
        { [block.element?.action_id ?? '']: stateOf(block.element as Element, typed[idOf(block)] ?? null) },
      ]),
    )
    submit.mutate({ view_id: view.id, values })
  }
  return (
    <Dialog open onClose={() => close.mutate({ view_id: view.id })} title={visible(view.title.text)}>
      <p className="-mt-3 text-sm text-muted">{t('As {as}, in Slack', { as: visible(as) })}</p>
      <form onSubmit={send} noValidate className="flex flex-col gap-4" aria-label={visible(view.title.text)}>
        {view.blocks.map((block, i) =>
          block.type === 'input' ? (
            <Input
              key={idOf(block)}
              block={block}
              viewId={view.id}
              value={typed[idOf(block)] ?? null}
              error={errors[idOf(block)]}
              onChange={(value) => {
                setTyped((now) => ({ ...now, [idOf(block)]: value }))
                setMissing(({ [idOf(block)]: _, ...rest }) => rest)
              }}
            />
          ) : (
            <Blocks key={block.block_id ?? `${block.type} ${i}`} blocks={[block]} busy={false} onPress={() => undefined} />
          ),
        )}
        <Refusal error={submit.error ?? close.error} />
        <div className="flex gap-2">
          {view.submit && (
            <Button type="submit" tone="primary" busy={submit.isPending}>
              {visible(view.submit.text)}
            </Button>
          )}
          <Button onClick={() => close.mutate({ view_id: view.id })}>{visible(view.close?.text ?? t('Cancel'))}</Button>
        </div>
      </form>
    </Dialog>
  )
}

const idOf = (block: Block): string => block.block_id ?? ''
const isEmpty = (value: Typed): boolean => value === null || value === '' || (Array.isArray(value) && value.length === 0)
const isMany = (type: string): boolean => type === 'checkboxes' || type.startsWith('multi_')
const isChoice = (type: string): boolean => type === 'radio_buttons' || type === 'static_select' || type === 'external_select'

function firstOf({ element }: Block): Typed {
  if (!element) return null
  if (isMany(element.type)) return element.initial_options ?? []
  if (isChoice(element.type)) return element.initial_option ?? null
  return element.initial_value ?? element.initial_date ?? element.initial_time ?? ''
}

/** As Slack reports it in `state.values`. */
function stateOf({ type }: Element, value: Typed): object {
  if (isMany(type)) return { type, selected_options: value ?? [] }
  if (isChoice(type)) return { type, selected_option: value }
  const text = typeof value === 'string' && value !== '' ? value : null
  if (type === 'datepicker') return { type, selected_date: text }
  if (type === 'timepicker') return { type, selected_time: text }
  if (type === 'datetimepicker') return { type, selected_date_time: text === null ? null : Math.floor(Date.parse(text) / 1_000) }
  return { type, value: text }
}

type InputProps = { block: Block; viewId: string; value: Typed; error: string | undefined; onChange: (value: Typed) => void }

function Input({ block, viewId, value, error, onChange }: InputProps) {
  const id = useId()
  const element = block.element as Element
  const described = error ? `${id}-error` : undefined
  const label = `${visible(block.label?.text ?? '')}${block.optional ? ' (optional)' : ''}`
  const below = (
    <>
      {block.hint && <p className="text-sm text-muted">{visible(block.hint.text)}</p>}
      {error && (
        <p id={`${id}-error`} className="text-sm font-medium text-danger">
          <span aria-hidden="true">⚠ </span>
          {visible(error)}
        </p>
      )}
    </>
  )
  if (element.type === 'radio_buttons' || isMany(element.type) || isChoice(element.type))
    return (
      <fieldset className="flex flex-col gap-1" aria-describedby={described}>
        <legend className="pb-1 font-medium">{label}</legend>
        <Options element={element} viewId={viewId} blockId={idOf(block)} value={value} onChange={onChange} name={id} />
        {below}
      </fieldset>
    )
  const shared = {
    id,
    className: INPUT,
    value: typeof value === 'string' ? value : '',
    placeholder: element.placeholder?.text,
    'aria-invalid': error ? true : undefined,
    'aria-describedby': described,
  }
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {element.multiline ? (
        <textarea {...shared} rows={4} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <input {...shared} type={TYPES[element.type] ?? 'text'} onChange={(event) => onChange(event.target.value)} />
      )}
      {below}
    </div>
  )
}

const TYPES: Readonly<Record<string, string>> = { datepicker: 'date', timepicker: 'time', datetimepicker: 'datetime-local' }

type OptionsProps = {
  element: Element
  viewId: string
  blockId: string
  value: Typed
  onChange: (value: Typed) => void
  name: string
}

function Options({ element, viewId, blockId, value, onChange, name }: OptionsProps): ReactNode {
  const [found, setFound] = useState<Option[]>([])
  const searches = element.type.includes('external')
  const options = element.options ?? found
  const many = isMany(element.type)
  const chosen = Array.isArray(value) ? value : value !== null && typeof value === 'object' ? [value] : []
  const toggle = (option: Option) => {
    if (!many) return onChange(option)
    const without = chosen.filter((one) => one.value !== option.value)
    onChange(without.length < chosen.length ? without : [...chosen, option])
  }
  const search = async (typed: string) =>
    setFound((await searchOptions({ view_id: viewId, block_id: blockId, action_id: element.action_id, typed })).options)
  return (
    <>
      {searches && (
        <input
          type="search"
          aria-label={t('Search the list')}
          placeholder={t('Type to search')}
          className={INPUT}
          onChange={(event) => void search(event.target.value)}
        />
      )}
      {[...chosen.filter((one) => !options.some(({ value: known }) => known === one.value)), ...options].map((option) => (
        <label key={option.value} className="flex items-start gap-2">
          <input
            type={many ? 'checkbox' : 'radio'}
            name={name}
            checked={chosen.some((one) => one.value === option.value)}
            onChange={() => toggle(option)}
            className="mt-1.5"
          />
          <span>
            {visible(option.text.text)}
            {option.description && <span className="block text-sm text-muted">{visible(option.description.text)}</span>}
          </span>
        </label>
      ))}
    </>
  )
}
