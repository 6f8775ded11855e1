// The form that answers a question, wherever it is shown: props in, the answer out. It calls no API and keeps nothing: the page that shows it sends, stores drafts and says what the
// server said, which then stands beside the field that it is about. While one types, the same words come from here; the server alone judges.
import {
  assemble,
  checkAnswer,
  checkSchema,
  type Drafts,
  draftOf,
  type Form,
  formOf,
  isIn,
  patternsOf,
  placesOf,
} from '@countersign/sdk/form'
import { type FormEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { AgentText } from '../content/text.tsx'
import { type FieldErrors, placeErrors, placeMessages } from '../problem.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { type FormContext, FormProvider } from './context.ts'
import { Fields } from './input.tsx'
import { useTouched } from './touched.ts'

export type AnswerFormProps = {
  responseSchema: unknown
  formDefinition?: unknown
  /** What is filled in at first. */
  initial?: unknown
  /** What was typed before, from `onDraft`. */
  drafts?: Drafts | undefined
  onDraft?: (drafts: Drafts) => void
  onSubmit: (response: Record<string, unknown>) => void
  /** What the server answered last, as the SDK threw it. */
  error?: unknown
  /** What a verifier said about the fields of the last answer, by their pointers below `below`. */
  returned?: readonly { path: string; message: string }[] | undefined
  /** Where the answer stands in what was sent. */
  below?: string
  busy?: boolean
  /** Why nothing can be sent; the form is then shown and closed. */
  closed?: string | undefined
  /** Why it may be filled in but not sent yet. */
  wait?: string | undefined
  submitLabel?: string
  loadImage?: (url: string) => Promise<string>
  /** Above the fields: banners of the page. */
  before?: ReactNode
  /** Below the fields, above the button: what the page asks for besides. */
  children?: ReactNode
}

export function AnswerForm(props: AnswerFormProps) {
  const { responseSchema, formDefinition, error, below = '/response', busy = false, closed, onDraft, loadImage } = props
  const form = useMemo(() => formOf(responseSchema, formDefinition ?? null), [responseSchema, formDefinition])
  const [drafts, setDrafts] = useState<Drafts>(() => props.drafts ?? draftOf(form, props.initial))
  const { touched, onBlur } = useTouched()
  // The server's last word: its refusal, or what a verifier gave back. As text, because the same one is read again and again.
  const word = error ?? JSON.stringify(props.returned ?? [])
  const [changed, setChanged] = useState<{ since: unknown; names: readonly string[] }>({ since: word, names: [] })
  const element = useRef<HTMLFormElement>(null)

  const change = (next: Drafts) => {
    const names = Object.keys(next).filter((name) => next[name] !== drafts[name])
    setChanged((before) => ({ since: word, names: [...(before.since === word ? before.names : []), ...names] }))
    setDrafts(next)
    onDraft?.(next)
  }
  const places = useMemo(() => placesOf(form.fields, drafts), [form, drafts])
  const said = error ? placeErrors(error, places, below) : placeMessages(props.returned ?? [], places, below)
  const renewed = changed.since === word ? changed.names : []
  const errors = useMemo(
    () => together(form, said.beside, renewed, liveErrors(form, responseSchema, drafts, places, touched)),
    [form, said, renewed, responseSchema, drafts, places, touched],
  )
  useEffect(() => {
    if (error) element.current?.querySelector<HTMLElement>('[aria-invalid], [data-invalid] input, [data-invalid] button')?.focus()
  }, [error])

  const context: FormContext = { errors, disabled: closed !== undefined || busy, loadImage, Fields }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (closed === undefined && props.wait === undefined && !busy)
      props.onSubmit(assemble(form, drafts) as Record<string, unknown>)
  }
  return (
    <form
      ref={element}
      onSubmit={submit}
      onBlur={onBlur}
      noValidate
      className="@container flex flex-col gap-5"
      aria-label={t('Your answer')}
    >
      <Refusal error={error} placed={said} />
      {!error && said.rest.length > 0 && <Banner tone="warning">{said.rest.map(visible).join(' ')}</Banner>}
      {props.before}
      {form.title && (
        <h3 className="text-lg font-semibold">
          <AgentText text={form.title} />
        </h3>
      )}
      <FormProvider value={context}>
        <Fields fields={form.fields} base="" drafts={drafts} wide={form.layout === 'one_column'} onChange={change} />
      </FormProvider>
      {props.children}
      <Button type="submit" tone="primary" busy={busy} reason={closed ?? props.wait}>
        {busy ? t('Sending…') : (props.submitLabel ?? visible(form.submit_label ?? t('Send answer')))}
      </Button>
    </form>
  )
}

/** What is wrong so far with the fields that the person has left. What they have not come to yet is not wrong. */
function liveErrors(
  form: Form,
  schema: unknown,
  drafts: Drafts,
  places: readonly string[],
  touched: ReadonlySet<string>,
): FieldErrors {
  if (touched.size === 0) return new Map()
  const answer = assemble(form, drafts)
  const own = checkAnswer(form, answer)
  const patterns = patternsOf(form, answer).filter(({ pattern, text }) => !matches(pattern, text))
  const wrong = patterns.map(({ path, field }) => ({
    path,
    field,
    code: 'pattern',
    message: t('This does not have the form that is asked for.'),
  }))
  const all = [...own, ...wrong]
  const told = new Set(all.map(({ path }) => path))
  const more = checkSchema(form, schema, answer).filter(({ path }) => !told.has(path))
  const { beside } = placeMessages([...all, ...more], places)
  return new Map([...beside].filter(([place]) => touched.has(place)))
}

function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text)
  } catch (error) {
    // A spelling that only the server mends; its word has to do.
    if (error instanceof SyntaxError) return true
    throw error
  }
}

/** The server's word stands until its field is changed; then what is said while one types. */
function together(form: Form, said: FieldErrors, renewed: readonly string[], live: FieldErrors): FieldErrors {
  const changed = placesOfNames(form, renewed)
  const kept = [...said].filter(([place]) => !changed.some((path) => path !== '' && isIn(place, path)))
  return new Map([...live, ...kept])
}

const placesOfNames = (form: Form, names: readonly string[]): string[] => {
  const all = (fields: Form['fields']): Form['fields'] =>
    fields.flatMap((field) => (field.kind === 'section_collapse' ? all(field.fields) : [field]))
  return all(form.fields)
    .filter(({ name }) => names.includes(name))
    .map(({ path }) => path)
}
