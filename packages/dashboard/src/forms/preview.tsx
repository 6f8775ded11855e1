// What people would be asked, as they would be asked it, and where they could answer. Sends nothing: what is filled in here is shown as the answer that it would be.
import { answerable, type Form, type Surface } from '@countersign/sdk/form'
import { useState } from 'react'
import { AnswerForm } from '../form/form.tsx'
import { t } from '../text/t.ts'
import { Card } from '../ui/card.tsx'

const SURFACES: Record<Surface, string> = {
  dashboard: t('Dashboard'),
  embed: t('Embed'),
  slack: t('Slack'),
  mail: t('Mail'),
  push: t('Push'),
}
const BY = { form: t('the whole form'), buttons: t('by buttons'), link: t('by a link to the page') }

type Props = { form: Form | null; schema: unknown; definition: unknown }

export function Preview({ form, schema, definition }: Props) {
  const [shown, setShown] = useState<unknown>(null)
  return (
    <>
      <Card title={t('As people see it')}>
        {form ? (
          <AnswerForm
            // What is drawn anew is filled in anew.
            key={JSON.stringify([schema, definition])}
            responseSchema={schema}
            formDefinition={definition}
            submitLabel={t('Show the answer')}
            onSubmit={setShown}
          />
        ) : (
          <p className="text-muted">{t('The preview comes with a schema.')}</p>
        )}
        {shown !== null && (
          <pre className="overflow-x-auto rounded-lg bg-sunken p-3 font-mono text-sm">{JSON.stringify(shown, null, 2)}</pre>
        )}
      </Card>
      {form && (
        <Card title={t('Where it can be answered')}>
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
