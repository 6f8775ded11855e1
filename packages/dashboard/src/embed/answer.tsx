// The form of an embed: the shared one, sent with the token of the embed. Nothing is kept on the visitor's computer: the page that holds it belongs to somebody else.
import { type Countersign, Problem, type Task } from '@countersign/sdk'
import { useState } from 'react'
import { plain, type Shown } from '../exact.ts'
import { AnswerForm } from '../form/form.tsx'
import { returnedFields } from '../form/returned.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Card } from '../ui/card.tsx'

type Props = { client: Countersign; task: Task; initial: Shown; onRefused: (error: unknown) => void }

export function EmbedAnswer({ client, task, initial, onRefused }: Props) {
  const [sending, setSending] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const refused = refusalOf(task)

  const send = async (response: Record<string, unknown>) => {
    setSending(true)
    setError(null)
    try {
      const body = { type: 'respond' as const, response, seen_revision: task.revision }
      await client.call('POST /tasks/:id/decide', { params: { id: task.id }, body })
    } catch (failed) {
      setError(failed)
      onRefused(failed)
    } finally {
      setSending(false)
    }
  }

  return (
    <Card title={t('Your answer')}>
      <AnswerForm
        responseSchema={task.response_schema}
        formDefinition={task.form_definition}
        initial={plain(initial) ?? undefined}
        onSubmit={(response) => void send(response)}
        error={error}
        returned={returnedFields(task)}
        busy={sending}
        closed={refused ?? undefined}
        before={
          <>
            {needsMore(error) && <ElsewhereLink url={task.url} />}
            {refused !== null && <Banner tone="info">{refused}</Banner>}
            {task.status === 'returned' && <Banner tone="warning">{returnedWith(task.verifier_result)}</Banner>}
          </>
        }
      />
    </Card>
  )
}

/** Why the last answer did not count, in the verifier's own words. */
function returnedWith(result: unknown): string {
  const { reason, passed } = (result ?? {}) as { reason?: unknown; passed?: unknown }
  if (passed === true && typeof reason === 'string') return reason
  return typeof reason === 'string'
    ? t('An answer was not accepted: {reason}', { reason })
    : t('An answer was not accepted. It needs another.')
}

const needsMore = (error: unknown): boolean => error instanceof Problem && error.code === 'step_up_required'

/** Signing in happens in a window of our own, never inside somebody else's page. */
export const ElsewhereLink = ({ url }: { url: string }) => (
  <p>
    {rich('<link>Open the question in a tab of its own</link> to sign in and answer there.', {
      link: (words) => (
        <a className="font-medium text-accent underline" href={url} target="_blank" rel="noreferrer">
          {words}
        </a>
      ),
    })}
  </p>
)

function refusalOf(task: Task): string | null {
  if (task.may.includes('decide')) return null
  if (task.status === 'verifying') return t('An answer is being checked.')
  if (task.assigned_to_display_name) return t('{name} holds this question.', { name: task.assigned_to_display_name })
  return t('This page shows the question and takes no answer.')
}
