// The editor of a form: its fields as a list or as JSON, two looks at one text, and beside them the preview. The preview is made here; the server judges again when the form is stored.
import type { StoredForm } from '@countersign/sdk'
import { readForm } from '@countersign/sdk/form'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useMemo, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { FieldsTab } from './fields-tab.tsx'
import { JsonTab, readObject, written } from './json-tab.tsx'
import { Preview } from './preview.tsx'
import { Tabs } from './tabs.tsx'

const FIRST = {
  type: 'object',
  properties: { approved: { type: 'boolean', title: t('Shall we?') }, note: { type: 'string', maxLength: 500 } },
  required: ['approved'],
}
const TABS = [
  { name: 'fields', title: t('Fields') },
  { name: 'json', title: t('JSON') },
] as const

export function FormEditor({ before, onDone }: { before: StoredForm | null; onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [search, setSearch] = useSearchParams()
  const [name, setName] = useState(before?.name ?? '')
  const [title, setTitle] = useState(before?.title ?? '')
  const [texts, setTexts] = useState({
    schema: written(before?.response_schema ?? FIRST),
    definition: written(before?.form_definition),
  })
  const asked = useMemo(() => readObject(texts.schema, true), [texts.schema])
  const drawn = useMemo(() => readObject(texts.definition, false), [texts.definition])
  const made = useMemo(() => (asked.value && !drawn.error ? readForm(asked.value, drawn.value) : null), [asked, drawn])
  const change = (part: Partial<typeof texts>) => setTexts((now) => ({ ...now, ...part }))
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
  const shown = search.get('tab') === 'json' ? 'json' : 'fields'
  const show = (tab: string) =>
    setSearch(
      (params) => {
        if (tab === 'json') params.set('tab', tab)
        else params.delete('tab')
        return params
      },
      { replace: true },
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={before ? t('Form {name}', { name: before.name }) : t('New form')}>
        <Button onClick={onDone}>{t('Back to all forms')}</Button>
      </PageTitle>
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
        <Card title={before ? t('What version {version} asks', { version: before.version + 1 }) : t('What it asks')}>
          <form onSubmit={submit} noValidate className="flex flex-col gap-4" aria-label={t('Form')}>
            <Refusal error={store.error} placed={placed} />
            {!before && (
              <TextField
                label={t('Name')}
                hint={t('a-z, 0-9, _ . - as agents will say it: name@version')}
                value={name}
                error={placed.beside.get('/name')}
                onChange={(event) => setName(event.target.value)}
              />
            )}
            <TextField
              label={t('Title')}
              value={title}
              error={placed.beside.get('/title')}
              onChange={(event) => setTitle(event.target.value)}
            />
            <Tabs label={t('What it asks')} tabs={TABS} shown={shown} onShow={show}>
              {shown === 'json' ? (
                <JsonTab texts={texts} asked={asked} drawn={drawn} onChange={change} />
              ) : (
                <FieldsTab
                  schema={asked.value}
                  definition={drawn.value}
                  form={made?.form ?? null}
                  faults={made?.faults ?? []}
                  onChange={change}
                />
              )}
            </Tabs>
            <Button type="submit" tone="primary" busy={store.isPending} reason={wrong}>
              {before ? t('Store as version {version}', { version: before.version + 1 }) : t('Store the form')}
            </Button>
          </form>
        </Card>
        <section
          aria-label={t('Preview')}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          className="flex min-w-0 flex-col gap-5 rounded-xl lg:sticky lg:top-4 lg:max-h-[calc(100dvh-2rem)] lg:overflow-y-auto"
        >
          {made && made.faults.length > 0 && (
            <Banner tone="warning">
              {t('A task with this would be refused:')}
              <ul className="mt-1 list-disc pl-5">
                {made.faults.slice(0, 8).map(({ path, message }) => (
                  <li key={`${path} ${message}`} className="wrap-anywhere">
                    <code className="font-mono text-sm">{path}</code> {message}
                  </li>
                ))}
              </ul>
            </Banner>
          )}
          <Preview form={made?.form ?? null} schema={asked.value} definition={drawn.value} />
        </section>
      </div>
      {dialog}
    </div>
  )
}
