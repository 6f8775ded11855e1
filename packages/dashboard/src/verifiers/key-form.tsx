// A key of a provider, under a name. It is typed once; no page shows it again.
import type { RouteBody } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { PROVIDERS } from './providers.ts'

type Body = RouteBody<'PUT /provider-keys/:name'>

const MODELS = PROVIDERS.filter(({ value }) => value !== 'rules' && value !== 'agent')
const OWN_ADDRESS = ['azure_openai', 'openai_compatible']

export function KeyForm({ onDone }: { onDone: () => void }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const [typed, setTyped] = useState({ name: '', provider: 'openai', key: '', model: '', base_url: '' })
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const keep = useMutation({
    mutationFn: () => {
      const { name, provider, key, model, base_url } = typed
      const body = { provider, key: key || null, model: model || null, base_url: base_url || null } as Body
      return run(() => api.providerKeys.put(name, body))
    },
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: ['provider-keys'] }),
  })
  const placed = placeErrors(keep.error, ['/key', '/model', '/base_url'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    keep.mutate()
  }
  return (
    <>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        {placed.beside.size === 0 && <Refusal error={keep.error} />}
        <TextField
          label={t('Name')}
          hint={t(
            'As verifiers name it, such as openai. Other clients name it as an environment variable, such as OPENAI_API_KEY.',
          )}
          autoComplete="off"
          {...field('name')}
        />
        <SelectField label={t('Provider')} options={MODELS} {...field('provider')} />
        <TextField label={t('Key')} type="password" autoComplete="off" error={placed.beside.get('/key')} {...field('key')} />
        <TextField
          label={t('Model')}
          hint={t('Where a verifier names none.')}
          autoComplete="off"
          error={placed.beside.get('/model')}
          {...field('model')}
        />
        <TextField
          label={t('Address')}
          hint={
            OWN_ADDRESS.includes(typed.provider)
              ? t('Where the key goes, and nowhere else.')
              : t('Only where it is not the provider’s own. The key goes there and nowhere else.')
          }
          type="url"
          autoComplete="off"
          error={placed.beside.get('/base_url')}
          {...field('base_url')}
        />
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={keep.isPending}
            reason={typed.name === '' ? t('Give it a name.') : undefined}
          >
            {t('Keep key')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}
