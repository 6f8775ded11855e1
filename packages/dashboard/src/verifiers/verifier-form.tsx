// A new verifier: who checks, by which instructions, how often a person may try, and what happens when nobody can be reached.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'
import { PROVIDERS } from './providers.ts'

const CHECKERS = PROVIDERS.filter(({ value }) => value !== 'agent')
const THEN = [
  { value: 'hold', label: t('wait, and go on asking') },
  { value: 'accept', label: t('let the answer count') },
  { value: 'return', label: t('ask the person again') },
]
const A_RULE = `[
  {
    "schema": { "properties": { "response": { "required": ["note"] } } },
    "message": "A note is needed.",
    "field": "note"
  }
]`

export function VerifierForm({ onDone }: { onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [typed, setTyped] = useState({
    ...{ name: '', provider: 'openai', instructions: '', model: '', connection: '' },
    ...{ max_attempts: '3', on_unavailable: 'hold', rules: A_RULE },
  })
  const [unread, setUnread] = useState('')
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const keep = useMutation({
    mutationFn: (config: object) => run(() => api.verifiers.create({ name: typed.name, config })),
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: ['verifiers'] }),
  })
  const isRules = typed.provider === 'rules'
  const placed = placeErrors(keep.error, ['/name', '/config/instructions', '/config/model', '/config/connection'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const { provider, instructions, model, connection, on_unavailable } = typed
    const max_attempts = Number(typed.max_attempts)
    if (!isRules)
      return keep.mutate({
        provider,
        instructions,
        max_attempts,
        on_unavailable,
        model: model || null,
        connection: connection || null,
      })
    try {
      setUnread('')
      keep.mutate({ provider, max_attempts, rules: JSON.parse(typed.rules) as unknown })
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      setUnread(t('This is not JSON.'))
    }
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={keep.error} />}
        <TextField label={t('Name')} error={placed.beside.get('/name')} {...field('name')} />
        <SelectField label={t('Checked by')} options={CHECKERS} {...field('provider')} />
        {isRules ? (
          <TextArea
            rows={5}
            label={t('Rules')}
            hint={t(
              "Each a JSON Schema over '{'response, payload, action, user'}', the message for the person, and the field beside which it stands.",
            )}
            error={unread}
            mono
            {...field('rules')}
          />
        ) : (
          <>
            <TextArea
              rows={5}
              label={t('Instructions')}
              hint={t('What an answer has to satisfy, in words that a careful reader could apply.')}
              error={placed.beside.get('/config/instructions')}
              {...field('instructions')}
            />
            <TextField
              label={t('Model')}
              hint={t('Empty: the one of the key.')}
              error={placed.beside.get('/config/model')}
              {...field('model')}
            />
            <TextField
              label={t('Key')}
              hint={t('The name of a key; empty: the default one of the provider.')}
              error={placed.beside.get('/config/connection')}
              {...field('connection')}
            />
            <SelectField label={t('When no verdict comes')} options={THEN} {...field('on_unavailable')} />
          </>
        )}
        <TextField label={t('Refusals before the task ends')} type="number" min={1} max={10} {...field('max_attempts')} />
        <div>
          <Button type="submit" tone="primary" busy={keep.isPending}>
            {t('Store verifier')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}
