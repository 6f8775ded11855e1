// The form that answers a task, made from its response schema. It checks nothing itself: the server judges, and what it says stands beside the field it is about. What is typed is
// kept until it is sent.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react'
import { api } from '../api.ts'
import { can, stepsIn } from '../can.ts'
import { draftStore, type Kept } from '../draft-store.ts'
import { plain, type Shown } from '../exact.ts'
import { answerOf, type Draft, emptyDraft, placesOf, pointer } from '../form/draft.ts'
import { type Field, fieldsOf } from '../form/field.ts'
import { FieldInput } from '../form/inputs.tsx'
import { useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'

export function TaskAnswer({ task, initial, onSent }: { task: Task; initial: Shown; onSent: () => void }) {
  const me = useUser()
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const { response_schema } = task
  const root = useMemo(() => rootOf(response_schema), [response_schema])
  const store = draftStore(me.id, task)
  const [kept, setKept] = useState<Kept>(
    () => store.read() ?? { draft: emptyDraft(root, plain(initial) ?? undefined), reason: '' },
  )
  const { draft, reason } = kept
  const form = useRef<HTMLFormElement>(null)
  const stepping = stepsIn(task)
  const allowed = can('decide', task)

  const change = (part: Partial<Kept>) => {
    const next = { ...kept, ...part }
    setKept(next)
    store.keep(next)
  }
  const decide = useMutation({
    mutationFn: () =>
      run(() =>
        api.tasks.decide(task.id, {
          type: 'respond',
          // Whatever a person typed: the server says whether it is an answer.
          response: answerOf(root, draft) as object,
          reason: reason || undefined,
          seen_revision: task.revision,
        }),
      ),
    onSuccess: () => {
      store.drop()
      onSent()
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  const places = root.kind === 'object' ? placesOf(root, draft).slice(1) : ['']
  const placed = placeErrors(decide.error, places, '/response')
  const reasonError = placeErrors(decide.error, ['/reason']).beside.get('/reason')
  useEffect(() => {
    if (decide.error) form.current?.querySelector<HTMLElement>('[aria-invalid], [data-invalid] input')?.focus()
  }, [decide.error])

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (allowed === true && !decide.isPending) decide.mutate()
  }
  const disabled = allowed !== true || decide.isPending

  return (
    <Card title="Your answer">
      <form ref={form} onSubmit={submit} noValidate className="flex flex-col gap-5" aria-label="Your answer">
        <Refusal error={decide.error} placed={placed} />
        {allowed !== true && <Banner tone="info">{allowed}</Banner>}
        {stepping && (
          <Banner tone="warning">This was asked of somebody else. You can step in; the record says so, with your reason.</Banner>
        )}
        {root.kind === 'object' ? (
          root.fields.map((field) => (
            <FieldInput
              key={field.name}
              field={field}
              path={pointer('', field.name)}
              draft={(draft as Record<string, Draft>)[field.name]}
              errors={placed.beside}
              disabled={disabled}
              onChange={(value) => change({ draft: { ...(draft as Record<string, Draft>), [field.name]: value } })}
            />
          ))
        ) : (
          <FieldInput
            field={root}
            path=""
            draft={draft}
            errors={placed.beside}
            disabled={disabled}
            onChange={(value) => change({ draft: value })}
          />
        )}
        {stepping && (
          <TextField
            label="Reason for stepping in"
            value={reason}
            error={reasonError}
            onChange={(event) => change({ reason: event.target.value })}
          />
        )}
        <Button type="submit" tone="primary" busy={decide.isPending} reason={allowed === true ? undefined : allowed}>
          {decide.isPending ? 'Sending…' : 'Send answer'}
        </Button>
      </form>
      {dialog}
    </Card>
  )
}

function rootOf(schema: unknown): Field {
  const fields = fieldsOf(schema)
  const common = { name: '', label: 'Answer', required: true, nullable: false }
  return fields ? { ...common, kind: 'object', fields } : { ...common, kind: 'json', hint: 'As JSON.' }
}
