// The form that answers a task in the dashboard: the shared form, sent with the revision that the person saw. What is typed is kept until it is sent.
import type { Task } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { can, stepsIn } from '../can.ts'
import { draftStore, type Kept } from '../draft-store.ts'
import { plain, type Shown } from '../exact.ts'
import { AnswerForm } from '../form/form.tsx'
import { returnedFields } from '../form/returned.ts'
import { imageOf } from '../image.ts'
import { useReplyKey } from '../keyboard/reply.ts'
import { useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { KeepAsComment } from '../talk/keep-as-comment.tsx'
import { NeedsProof } from '../task/needs-proof.tsx'
import { useProvenDecision } from '../task/prove.tsx'
import { Remember } from '../task/remember.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Card } from '../ui/card.tsx'
import { TextField } from '../ui/text-field.tsx'

type Props = { task: Task; initial: Shown; unread: string | undefined; onSent: () => void }

export function TaskAnswer({ task, initial, unread, onSent }: Props) {
  const me = useUser()
  const queries = useQueryClient()
  const { decide: prove, dialog } = useProvenDecision(task)
  const store = draftStore(me.id, task)
  const [kept, setKept] = useState<Kept>(() => store.read() ?? { draft: null, reason: '' })
  const stepping = stepsIn(task)
  const allowed = can('decide', task)
  const [remember, setRemember] = useState(0)
  const form = useReplyKey<HTMLDivElement>(allowed === true)

  const change = (part: Partial<Kept>) => {
    const next = { ...kept, ...part }
    setKept(next)
    store.keep(next)
  }
  const decide = useMutation({
    mutationFn: (response: Record<string, unknown>) =>
      prove({
        type: 'respond',
        // Whatever a person typed: the server says whether it is an answer.
        response,
        reason: kept.reason || undefined,
        seen_revision: task.revision,
        ...(remember === 0 ? {} : { remember: { for_seconds: remember } }),
      }),
    onSuccess: () => {
      store.drop()
      onSent()
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['task', task.id] }),
  })
  const reasonError = placeErrors(decide.error, ['/reason']).beside.get('/reason')

  return (
    <div ref={form}>
      <Card title={t('Your answer')}>
        <AnswerForm
          responseSchema={task.response_schema}
          formDefinition={task.form_definition}
          initial={plain(initial) ?? undefined}
          drafts={kept.draft ?? undefined}
          onDraft={(draft) => change({ draft })}
          loadImage={(url) => imageOf(task.id, url)}
          onSubmit={(response) => decide.mutate(response)}
          error={decide.error}
          returned={returnedFields(task)}
          busy={decide.isPending}
          closed={allowed === true ? undefined : allowed}
          wait={unread}
          before={
            <>
              {allowed !== true && <Banner tone="info">{allowed}</Banner>}
              {stepping && (
                <Banner tone="warning">
                  {t('This was asked of somebody else. You can step in; the record says so, with your reason.')}
                </Banner>
              )}
            </>
          }
        >
          {task.may.includes('remember') && <Remember seconds={remember} onChange={setRemember} />}
          <NeedsProof task={task} />
          {stepping && (
            <TextField
              label={t('Reason for stepping in')}
              value={kept.reason}
              error={reasonError}
              onChange={(event) => change({ reason: event.target.value })}
            />
          )}
        </AnswerForm>
        <KeepAsComment task={task} error={decide.error} response={decide.variables} />
        {dialog}
      </Card>
    </div>
  )
}
