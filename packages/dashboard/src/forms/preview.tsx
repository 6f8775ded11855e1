// What people would be asked, as they would be asked it, and where they could answer. Sends nothing: what is filled in here is shown as the answer that it would be.
import { answerable, type Form, type Surface } from '@countersign/sdk/form'
import { useState } from 'react'
import { AnswerForm } from '../form/form.tsx'
import { Card } from '../ui/card.tsx'

const SURFACES: Record<Surface, string> = { dashboard: 'Dashboard', embed: 'Embed', slack: 'Slack', mail: 'Mail', push: 'Push' }
const BY = { form: 'the whole form', buttons: 'by buttons', link: 'by a link to the page' }

type Props = { form: Form | null; schema: unknown; definition: unknown }

export function Preview({ form, schema, definition }: Props) {
  const [shown, setShown] = useState<unknown>(null)
  return (
    <>
      <Card title="As people see it">
        {form ? (
          <AnswerForm
            // What is drawn anew is filled in anew.
            key={JSON.stringify([schema, definition])}
            responseSchema={schema}
            formDefinition={definition}
            submitLabel="Show the answer"
            onSubmit={setShown}
          />
        ) : (
          <p className="text-muted">The preview comes with a schema.</p>
        )}
        {shown !== null && (
          <pre className="overflow-x-auto rounded-lg bg-sunken p-3 font-mono text-sm">{JSON.stringify(shown, null, 2)}</pre>
        )}
      </Card>
      {form && (
        <Card title="Where it can be answered">
          <dl className="flex flex-col divide-y divide-line">
            {(Object.keys(SURFACES) as Surface[]).map((surface) => {
              const { by, why } = answerable(form, surface)
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
    </>
  )
}
