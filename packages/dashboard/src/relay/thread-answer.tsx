// A person answers in a thread in place of the agent (relay.md R40): the hosted inbox, as a form. What is typed is sent once and as it is; a policy may want others to see it first.
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea } from '../ui/text-field.tsx'

const OUTCOMES = [
  { value: 'reply', label: t('Answer, and let the caller go on') },
  { value: 'ask', label: t('Ask the caller something') },
  { value: 'progress', label: t('Say how far it is') },
  { value: 'completed', label: t('Answer, and end the thread as done') },
  { value: 'failed', label: t('End the thread: it could not be done') },
  { value: 'rejected', label: t('End the thread: we do not do this') },
] as const
type Outcome = (typeof OUTCOMES)[number]['value']

/** `client`: whoever reads the thread, by its token: a session answers nothing here (R114). */
export function ThreadAnswer({ id, client, onSent }: { id: string; client: typeof api; onSent: () => void }) {
  const me = useUser()
  const [text, setText] = useState('')
  const [outcome, setOutcome] = useState<Outcome>('reply')
  const send = useMutation({
    mutationFn: () =>
      client.call('POST /threads/:id/responses', {
        params: { id },
        body: {
          outcome,
          text,
          ...(outcome === 'failed' ? { error: { code: 'agent_error', message: text.slice(0, 2_000) } } : {}),
        },
      }),
    onSuccess: () => setText(''),
    onSettled: onSent,
  })
  const placed = placeErrors(send.error, ['/text'])
  const closed = closedTo(me, 'thread.respond', t('answer in threads'))
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    if (!closed && text.trim() !== '') send.mutate()
  }
  return (
    <Card title={t('Answer as a person')}>
      <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3">
        <p className="text-sm text-muted">
          {t(
            'The calling agent reads this as the answer of your agent. A worker that has not taken the message yet does not get it.',
          )}
        </p>
        <TextArea
          label={t('Your words')}
          rows={4}
          value={text}
          error={placed.beside.get('/text')}
          onChange={(event) => setText(event.target.value)}
        />
        <SelectField
          label={t('What it is')}
          value={outcome}
          options={OUTCOMES}
          onChange={(event) => setOutcome(event.target.value as Outcome)}
        />
        <Refusal error={send.error} placed={placed} />
        {send.data?.approval && (
          <Banner tone="info">{t('A policy wants people to approve this answer first. It goes out once they have.')}</Banner>
        )}
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={send.isPending}
            reason={closed ?? (text.trim() === '' ? t('Type the answer first.') : undefined)}
          >
            {t('Send the answer')}
          </Button>
        </div>
      </form>
    </Card>
  )
}
