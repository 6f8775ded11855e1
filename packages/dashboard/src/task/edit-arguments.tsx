// Editing what was proposed: a form for the members that may differ, where a form can ask for them; else the arguments as JSON. What comes out is all of them.
import { lazy, Suspense, useId, useState } from 'react'
import type { Kept } from '../draft-store.ts'
import { Digits, readExact, type Shown, writeExact } from '../exact.ts'
import { AnswerForm } from '../form/form.tsx'
import { placeErrors } from '../problem.ts'
import { readTerms, TERMS_ACTION } from '../relay/terms-asked.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { INPUT } from '../ui/text-field.tsx'
import type { Action } from './action.ts'
import { editableForm, sendable } from './compare.ts'

/** `kept`: what was typed here before, in this tab. */
type Props = {
  action: Action
  error: unknown
  kept: Pick<Kept, 'edit' | 'json'>
  onKeep: (part: Pick<Kept, 'edit' | 'json'>) => void
  onEdited: (args: Map<string, Shown>) => void
}

/** Of the relay, whose words few need. */
const NarrowTerms = lazy(async () => ({ default: (await import('../relay/narrow-terms.tsx')).NarrowTerms }))

const NEXT = t('Compare and confirm')

export function EditArguments({ action, error, kept, onKeep, onEdited }: Props) {
  const terms = action.name === TERMS_ACTION ? readTerms(action.args) : null
  // What the server then refuses stands in words beside it.
  if (terms)
    return (
      <>
        <Refusal error={error} placed={placeErrors(error, [], '/args')} />
        <Suspense fallback={null}>
          <NarrowTerms asked={terms} onEdited={onEdited} />
        </Suspense>
      </>
    )
  const schema = editableForm(action.args, action.schema, action.editable)
  if (!schema) return <EditJson action={action} kept={kept} onKeep={onKeep} onEdited={onEdited} />
  return (
    <AnswerForm
      responseSchema={schema}
      initial={sendable(action.args)}
      drafts={kept.edit}
      onDraft={(edit) => onKeep({ edit })}
      error={error}
      below="/args"
      submitLabel={NEXT}
      onSubmit={(values) => onEdited(withMembers(action, schema, values))}
    />
  )
}

/** What stands in the form, beside what nobody may change. A text is taken as the number that it stands for. */
function withMembers({ args }: Action, schema: Record<string, unknown>, values: Record<string, unknown>): Map<string, Shown> {
  const names = Object.keys(schema.properties as object)
  const edited = new Map(args)
  for (const name of names) {
    const value = values[name]
    if (value === undefined) edited.delete(name)
    else edited.set(name, shownOf(value, args.get(name)))
  }
  return edited
}

function shownOf(value: unknown, before: Shown | undefined): Shown {
  if (typeof value === 'number') return new Digits(String(value))
  if (typeof value === 'string' && before instanceof Digits && /^-?\d+(?:\.\d+)?$/.test(value.trim()))
    return new Digits(value.trim())
  return readExact(JSON.stringify(value))
}

function EditJson({ action, kept, onKeep, onEdited }: Omit<Props, 'error'>) {
  const id = useId()
  const [text, setText] = useState(() => kept.json ?? writeExact(action.args))
  const [wrong, setWrong] = useState<string | null>(null)
  const compare = () => {
    const args = readObject(text)
    setWrong(args ? null : t('This is not a JSON object. Check quotes, commas and brackets.'))
    if (args) onEdited(args)
  }
  return (
    <div className="flex flex-col gap-3">
      <label htmlFor={id} className="font-medium">
        {t('Arguments as JSON')}
      </label>
      {action.editable !== null && (
        <p className="text-sm text-muted">
          {rich('Only these parts may differ: {editable}', {
            editable: <span className="font-mono">{action.editable.join(', ') || t('none')}</span>,
          })}
        </p>
      )}
      <textarea
        id={id}
        rows={12}
        spellCheck={false}
        className={`${INPUT} font-mono text-sm`}
        value={text}
        aria-invalid={wrong !== null || undefined}
        aria-describedby={wrong ? `${id}-error` : undefined}
        onChange={(event) => {
          setText(event.target.value)
          onKeep({ json: event.target.value })
        }}
      />
      {wrong && (
        <p id={`${id}-error`} className="text-sm font-medium text-danger">
          <span aria-hidden="true">⚠ </span>
          {wrong}
        </p>
      )}
      <div>
        <Button tone="primary" onClick={compare}>
          {NEXT}
        </Button>
      </div>
    </div>
  )
}

function readObject(text: string): Map<string, Shown> | null {
  try {
    JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  const shown = readExact(text)
  return shown instanceof Map ? shown : null
}
