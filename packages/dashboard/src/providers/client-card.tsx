// Our registration at a provider: its id, and whether a secret is stored. The secret is typed in and never shown again, not even its length.
import { Problem, type ProviderClient } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { useVaultAct } from '../connections/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'

type Props = { provider: string; redirectUrl: string; needed: boolean }

export function ClientCard({ provider, redirectUrl, needed }: Props) {
  const me = useUser()
  const closed = closedTo(me, 'provider.manage', t('manage clients'))
  const query = useQuery({
    queryKey: ['providers', 'client', provider],
    queryFn: () =>
      api.call('GET /providers/:name/client', { params: { name: provider } }).catch((error: unknown) => {
        if (error instanceof Problem && error.status === 404) return null
        throw error
      }),
    enabled: closed === undefined,
    retry: false,
  })
  const [open, setOpen] = useState(false)
  const client = query.data ?? null
  if (!needed && client === null) return null
  return (
    <Card
      title={t('Our client there')}
      aside={
        <Button small tone="quiet" reason={closed} onClick={() => setOpen(true)}>
          {client ? t('Change') : t('Enter it')}
        </Button>
      }
    >
      <p className="text-sm text-muted">
        {t('Register an application at the provider with this address, and enter what it gives you.')}
      </p>
      <Copyable label={t('redirect address')} text={redirectUrl} />
      <Refusal error={query.error} />
      {client && (
        <dl className="grid gap-x-6 gap-y-2 sm:grid-cols-[8rem_1fr]">
          <dt className="text-muted">{t('Client id')}</dt>
          <dd className="font-mono text-sm wrap-anywhere">{visible(client.client_id ?? '–')}</dd>
          <dt className="text-muted">{t('Secret')}</dt>
          <dd>{client.has_secret ? t('stored, never shown') : t('none')}</dd>
          <dt className="text-muted">{t('Connections')}</dt>
          <dd>{client.connections}</dd>
        </dl>
      )}
      <Dialog open={open} onClose={() => setOpen(false)} title={t('Our client there')}>
        <ClientForm provider={provider} client={client} onDone={() => setOpen(false)} />
      </Dialog>
    </Card>
  )
}

function ClientForm({ provider, client, onDone }: { provider: string; client: ProviderClient | null; onDone: () => void }) {
  const { run, dialog } = useStepUp()
  const [id, setId] = useState(client?.client_id ?? '')
  const [secret, setSecret] = useState('')
  const [affected, setAffected] = useState<number | null>(null)
  const save = useVaultAct(
    async (confirmed: number | null) => {
      try {
        return await run(() =>
          api.call('PUT /providers/:name/client', {
            params: { name: provider },
            body: {
              client_id: id.trim(),
              ...(secret === '' ? {} : { secret }),
              ...(confirmed === null ? {} : { confirm: true, affected: confirmed }),
            },
          }),
        )
      } catch (error) {
        if (error instanceof Problem && error.code === 'confirmation_required') {
          setAffected(Number(error.members.affected ?? 0))
          return null
        }
        throw error
      }
    },
    (answer) => {
      if (answer === null) return
      setSecret('')
      onDone()
    },
  )
  const { beside, rest } = placeErrors(save.error, ['/client_id', '/secret'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(affected)
  }
  return (
    <>
      <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
        {beside.size === 0 && <Refusal error={save.error} placed={{ beside, rest }} />}
        <TextField
          label={t('Client id')}
          value={id}
          error={beside.get('/client_id')}
          autoComplete="off"
          onChange={(event) => setId(event.target.value)}
        />
        <TextField
          label={t('Secret')}
          type="password"
          autoComplete="off"
          hint={client?.has_secret ? t('Left empty, the present one stays.') : t('Left empty where the provider gave none.')}
          value={secret}
          error={beside.get('/secret')}
          onChange={(event) => setSecret(event.target.value)}
        />
        {affected !== null && (
          <p className="text-warn">
            {t(
              '{affected, plural, one {# connection was} other {# connections were}} obtained under the present client. They stay; renewing them may fail.',
              {
                affected,
              },
            )}
          </p>
        )}
        <div>
          <Button
            type="submit"
            tone="primary"
            busy={save.isPending}
            reason={id.trim() === '' ? t('Enter the client id.') : undefined}
          >
            {affected === null ? t('Save') : t('Change it all the same')}
          </Button>
        </div>
      </form>
      {dialog}
    </>
  )
}
