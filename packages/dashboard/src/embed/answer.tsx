// The form of an embed. It checks nothing itself and keeps nothing on the visitor's computer: the page that holds it belongs to somebody else.
import { type Countersign, Problem, type Task } from '@countersign/sdk'
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react'
import { plain, type Shown } from '../exact.ts'
import { answerOf, type Draft, emptyDraft, placesOf, pointer } from '../form/draft.ts'
import { type Field, fieldsOf } from '../form/field.ts'
import { FieldInput } from '../form/inputs.tsx'
import { placeErrors } from '../problem.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'

type Props = {
  client: Countersign
  task: Task
  initial: Shown
  onSent: () => void
  onRefused: (error: unknown) => void
}

export function EmbedAnswer({ client, task, initial, onSent, onRefused }: Props) {
  const root = useMemo(() => rootOf(task.response_schema), [task.response_schema])
  const [draft, setDraft] = useState<Draft>(() => emptyDraft(root, plain(initial) ?? undefined))
  const [sending, setSending] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const form = useRef<HTMLFormElement>(null)
  const refused = useMemo(() => refusalOf(task), [task])
  const places = root.kind === 'object' ? placesOf(root, draft).slice(1) : ['']
  const placed = placeErrors(error, places, '/response')
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid], [data-invalid] input')?.focus()
  }, [error])

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (refused !== null || sending) return
    setSending(true)
    setError(null)
    try {
      const response = answerOf(root, draft) as object
      await client.call('POST /tasks/:id/decide', {
        params: { id: task.id },
        body: { type: 'respond', response, seen_revision: task.revision },
      })
      onSent()
    } catch (failed) {
      setError(failed)
      onRefused(failed)
    } finally {
      setSending(false)
    }
  }

  return (
    <Card title="Your answer">
      <form
        ref={form}
        onSubmit={(event) => void submit(event)}
        noValidate
        className="flex flex-col gap-5"
        aria-label="Your answer"
      >
        <Refusal error={error} placed={placed} />
        {needsMore(error) && <ElsewhereLink url={task.url} />}
        {refused !== null && <Banner tone="info">{refused}</Banner>}
        {root.kind === 'object' ? (
          root.fields.map((field) => (
            <FieldInput
              key={field.name}
              field={field}
              path={pointer('', field.name)}
              draft={(draft as Record<string, Draft>)[field.name]}
              errors={placed.beside}
              disabled={refused !== null || sending}
              onChange={(value) => setDraft({ ...(draft as Record<string, Draft>), [field.name]: value })}
            />
          ))
        ) : (
          <FieldInput
            field={root}
            path=""
            draft={draft}
            errors={placed.beside}
            disabled={refused !== null || sending}
            onChange={setDraft}
          />
        )}
        <Button type="submit" tone="primary" busy={sending} reason={refused ?? undefined}>
          {sending ? 'Sending…' : 'Send answer'}
        </Button>
      </form>
    </Card>
  )
}

const needsMore = (error: unknown): boolean => error instanceof Problem && error.code === 'step_up_required'

/** Signing in happens in a window of our own, never inside somebody else's page. */
export const ElsewhereLink = ({ url }: { url: string }) => (
  <p>
    <a className="font-medium text-accent underline" href={url} target="_blank" rel="noreferrer">
      Open the question in a tab of its own
    </a>{' '}
    to sign in and answer there.
  </p>
)

function refusalOf(task: Task): string | null {
  if (task.may.includes('decide')) return null
  if (task.status === 'verifying') return 'An answer is being checked.'
  if (task.assigned_to_display_name) return `${task.assigned_to_display_name} holds this question.`
  return 'This page shows the question and takes no answer.'
}

function rootOf(schema: unknown): Field {
  const fields = fieldsOf(schema)
  const common = { name: '', label: 'Answer', required: true, nullable: false }
  return fields ? { ...common, kind: 'object', fields } : { ...common, kind: 'json', hint: 'As JSON.' }
}
