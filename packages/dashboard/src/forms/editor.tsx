// The editor of a form: schema and definition as JSON, and beside them what people would be asked, as they would be asked it, and where they could answer. The preview is made here; the server
// judges again when the form is stored.
import type { StoredForm } from '@countersign/sdk'
import { answerable, readForm, type Surface } from '@countersign/sdk/form'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useMemo, useState } from 'react'
import { api } from '../api.ts'
import { AnswerForm } from '../form/form.tsx'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'

const FIRST = {
  type: 'object',
  properties: { approved: { type: 'boolean', title: 'Shall we?' }, note: { type: 'string', maxLength: 500 } },
  required: ['approved'],
}
const SURFACES: Record<Surface, string> = { dashboard: 'Dashboard', embed: 'Embed', slack: 'Slack', mail: 'Mail', push: 'Push' }
const BY = { form: 'the whole form', buttons: 'by buttons', link: 'by a link to the page' }

type Read = { value: Record<string, unknown> | null; error: string | undefined }

function read(text: string, needed: boolean): Read {
  if (text.trim() === '') return { value: null, error: needed ? 'This is required.' : undefined }
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject
      ? { value: value as Record<string, unknown>, error: undefined }
      : { value: null, error: 'This must be an object.' }
  } catch (error) {
    if (error instanceof SyntaxError) return { value: null, error: `This is not JSON yet: ${error.message}.` }
    throw error
  }
}

const written = (value: unknown): string => (value === null || value === undefined ? '' : JSON.stringify(value, null, 2))

export function FormEditor({ before, onDone }: { before: StoredForm | null; onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [name, setName] = useState(before?.name ?? '')
  const [title, setTitle] = useState(before?.title ?? '')
  const [schema, setSchema] = useState(written(before?.response_schema ?? FIRST))
  const [definition, setDefinition] = useState(written(before?.form_definition))
  const [shown, setShown] = useState<unknown>(null)
  const asked = useMemo(() => read(schema, true), [schema])
  const drawn = useMemo(() => read(definition, false), [definition])
  const made = useMemo(() => (asked.value ? readForm(asked.value, drawn.value) : null), [asked, drawn])
  const store = useMutation({
    mutationFn: () => {
      const body = { title: title || null, response_schema: asked.value ?? {}, form_definition: drawn.value }
      return run(() =>
        before ? api.call('PUT /forms/:name', { params: { name }, body }) : api.call('POST /forms', { body: { name, ...body } }),
      )
    },
    onSuccess: onDone,
    onSettled: () =>
      Promise.all([queries.invalidateQueries({ queryKey: ['forms'] }), queries.invalidateQueries({ queryKey: ['form'] })]),
  })
  const placed = placeErrors(store.error, ['/name', '/title'])
  const wrong = asked.error ?? drawn.error
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (wrong === undefined && !store.isPending) store.mutate()
  }
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={before ? `Form ${before.name}` : 'New form'}>
        <Button onClick={onDone}>Back to all forms</Button>
      </PageTitle>
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
        <Card title={before ? `What version ${before.version + 1} asks` : 'What it asks'}>
          <form onSubmit={submit} noValidate className="flex flex-col gap-4" aria-label="Form">
            <Refusal error={store.error} placed={placed} />
            {!before && (
              <TextField
                label="Name"
                hint="a-z, 0-9, _ . - as agents will say it: name@version"
                value={name}
                error={placed.beside.get('/name')}
                onChange={(event) => setName(event.target.value)}
              />
            )}
            <TextField
              label="Title"
              value={title}
              error={placed.beside.get('/title')}
              onChange={(event) => setTitle(event.target.value)}
            />
            <TextArea
              label="Response schema"
              rows={14}
              mono
              value={schema}
              error={asked.error}
              onChange={(event) => setSchema(event.target.value)}
            />
            <TextArea
              label="Form definition (may stay empty)"
              rows={10}
              mono
              value={definition}
              error={drawn.error}
              onChange={(event) => setDefinition(event.target.value)}
            />
            <Button type="submit" tone="primary" busy={store.isPending} reason={wrong}>
              {before ? `Store as version ${before.version + 1}` : 'Store the form'}
            </Button>
          </form>
        </Card>
        <div className="flex min-w-0 flex-col gap-5">
          {made && made.faults.length > 0 && (
            <Banner tone="warning">
              A task with this would be refused:
              <ul className="mt-1 list-disc pl-5">
                {made.faults.slice(0, 8).map(({ path, message }) => (
                  <li key={`${path} ${message}`} className="wrap-anywhere">
                    <code className="font-mono text-sm">{path}</code> {message}
                  </li>
                ))}
              </ul>
            </Banner>
          )}
          <Card title="As people see it">
            {made ? (
              <AnswerForm
                key={`${schema} ${definition}`}
                responseSchema={asked.value}
                formDefinition={drawn.value}
                submitLabel="Show the answer"
                onSubmit={setShown}
              />
            ) : (
              <p className="text-muted">The preview comes with a schema.</p>
            )}
            {shown !== null && <pre className="overflow-x-auto rounded-lg bg-sunken p-3 font-mono text-sm">{written(shown)}</pre>}
          </Card>
          {made && (
            <Card title="Where it can be answered">
              <dl className="flex flex-col divide-y divide-line">
                {(Object.keys(SURFACES) as Surface[]).map((surface) => {
                  const { by, why } = answerable(made.form, surface)
                  return (
                    <div key={surface} className="grid grid-cols-[7rem_1fr] gap-x-4 py-2 first:pt-0 last:pb-0">
                      <dt className="text-muted">{SURFACES[surface]}</dt>
                      <dd>
                        {BY[by]}
                        {why !== null && <span className="block text-sm text-muted">{why}</span>}
                      </dd>
                    </div>
                  )
                })}
              </dl>
            </Card>
          )}
        </div>
      </div>
      {dialog}
    </div>
  )
}
