// One answer judged now: what the verifier says, what it cost, and nothing stored.
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'
import type { Verifier } from './providers.ts'

export function TrialRun({ verifier }: { verifier: Verifier }) {
  const [typed, setTyped] = useState({ task: 'Refund order 1042?', payload: '{"amount":240}', response: '{"approved":true}' })
  const [unread, setUnread] = useState<string | null>(null)
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const { run, dialog } = useStepUp()
  const trial = useMutation({ mutationFn: (body: object) => run(() => api.verifiers.test(verifier.id, body)) })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const [payload, response] = [readObject(typed.payload), readObject(typed.response)]
    setUnread(payload === null ? 'payload' : response === null ? 'response' : null)
    if (payload !== null && response !== null) trial.mutate({ task: typed.task, payload, response })
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        <Refusal error={trial.error} />
        <TextField label={t('Question')} {...field('task')} />
        <TextArea
          rows={5}
          label={t('About')}
          hint={t('The payload, as JSON.')}
          mono
          error={unread === 'payload' ? t('This is no JSON object.') : undefined}
          {...field('payload')}
        />
        <TextArea
          rows={5}
          label={t('Answer')}
          hint={t('The response, as JSON.')}
          mono
          error={unread === 'response' ? t('This is no JSON object.') : undefined}
          {...field('response')}
        />
        <div>
          <Button type="submit" tone="primary" busy={trial.isPending}>
            {t('Ask it once')}
          </Button>
        </div>
        <div role="status">{trial.data && <Said said={trial.data} />}</div>
      </form>
      {dialog}
    </>
  )
}

function readObject(text: string): object | null {
  try {
    const read: unknown = JSON.parse(text)
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? read : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

type Trial = Awaited<ReturnType<typeof api.verifiers.test>>

function Said({ said }: { said: Trial }) {
  const { passed, reason, field_errors, unavailable, input_tokens, output_tokens, cost } = said
  return (
    <div className="flex flex-col gap-2">
      <p className="flex flex-wrap items-center gap-2">
        <Badge tone={passed === null ? 'warn' : passed ? 'good' : 'bad'}>
          {passed === null ? t('No verdict') : passed ? t('Passed') : t('Refused')}
        </Badge>
        <span className="wrap-anywhere">{visible(reason ?? unavailable?.replaceAll('_', ' ') ?? '')}</span>
      </p>
      {field_errors.length > 0 && (
        <ul className="list-disc pl-5">
          {field_errors.map(({ path, message }) => (
            <li key={`${path} ${message}`} className="wrap-anywhere">
              {visible(path.replace(/^\/response\/?/, '') || t('the whole'))}: {visible(message)}
            </li>
          ))}
        </ul>
      )}
      <p className="text-sm text-muted">
        {cost === null
          ? t('{inputTokens} tokens in, {outputTokens} out', { inputTokens: input_tokens, outputTokens: output_tokens })
          : t('{inputTokens} tokens in, {outputTokens} out, {cost} USD', {
              inputTokens: input_tokens,
              outputTokens: output_tokens,
              cost: cost.toPrecision(2),
            })}
      </p>
    </div>
  )
}
