// Trying a request before an agent sends it: the proxy's own judgement, step by step. Nothing is sent.
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { Steps } from '../traffic/request-page.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']

export function TryUrl({ agentId, url: given, method: first = 'GET' }: { agentId: string; url: string; method?: string }) {
  const [method, setMethod] = useState(first)
  const [url, setUrl] = useState(given)
  const [body, setBody] = useState('')
  const explain = useMutation({
    mutationFn: () =>
      api.call('POST /grants/explain', {
        body: {
          ...{ agent_id: agentId, method, url },
          ...(body === '' ? {} : { body, headers: { 'content-type': 'application/json' } }),
        },
      }),
  })
  const { beside, rest } = placeErrors(explain.error, ['/url'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    explain.mutate()
  }
  return (
    <Card title={t('Try a request')}>
      <form onSubmit={onSubmit} noValidate className="flex flex-col gap-3">
        <div className="grid gap-3 sm:grid-cols-[9rem_1fr]">
          <SelectField
            label={t('Method')}
            value={method}
            options={METHODS.map((value) => ({ value, label: value }))}
            onChange={(event) => setMethod(event.target.value)}
          />
          <TextField
            label={t('Address')}
            placeholder="https://api.example.com/v1/refunds"
            value={url}
            error={beside.get('/url')}
            onChange={(event) => setUrl(event.target.value)}
          />
        </div>
        <TextArea
          label={t('Body')}
          hint={t('JSON, where a rule or a policy reads a fact of it.')}
          mono
          rows={3}
          value={body}
          onChange={(event) => setBody(event.target.value)}
        />
        <div>
          <Button type="submit" busy={explain.isPending}>
            {t('Try it')}
          </Button>
        </div>
      </form>
      {beside.size === 0 && <Refusal error={explain.error} placed={{ beside, rest }} />}
      <div role="status">{explain.data && <Steps explained={explain.data} />}</div>
    </Card>
  )
}
