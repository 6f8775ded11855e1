// What one can do with a connection. What cannot be taken back says beforehand what it brings about.
import type { Connection } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { useVaultAct } from './frame.tsx'

const TESTED = {
  works: t('The provider took it.'),
  refused: t('The provider refused it.'),
  untested: t('Its definition has no call to try it with.'),
} as const

export function ConnectionActs({ connection }: { connection: Connection }) {
  const me = useUser()
  const [, go] = useLocation()
  const [told, setTold] = useState('')
  const params = { id: connection.id }
  const again = useVaultAct(
    () =>
      api.call('POST /authorizations', {
        body: {
          ...{ provider: connection.provider, name: connection.name, method: connection.method, replace: true },
          ...(connection.shared ? { shared: true } : {}),
          ...(Object.keys(connection.params).length > 0 ? { params: connection.params } : {}),
        },
      }),
    ({ connect_url, authorization_id }) => location.assign(connect_url ?? `/connect/${authorization_id}`),
  )
  const refresh = useVaultAct(
    () => api.call('POST /connections/:id/refresh', { params }),
    () => setTold(t('It has a new token.')),
  )
  const test = useVaultAct(
    () => api.call('POST /connections/:id/test', { params }),
    ({ status, ms }) => setTold(`${TESTED[status]} ${t('({ms} ms)', { ms })}`),
  )
  const rotate = useVaultAct(
    () => api.call('POST /connections/:id/rotate', { params }),
    () => setTold(t('A new key is on its way.')),
  )
  const rotates = useRotates(connection)
  const makeDefault = useVaultAct(
    () => api.call('POST /connections/:id/default', { params, body: {} }),
    () => setTold(t('It is meant where you name no other.')),
  )
  const revoke = useVaultAct(() => api.call('POST /connections/:id/revoke', { params, body: {} }))
  const remove = useVaultAct(
    () => api.call('DELETE /connections/:id', { params }),
    () => go(paths.connections()),
  )
  const over = connection.status === 'revoked' || connection.status === 'removed' ? t('It is over.') : undefined
  const update = over ?? closedTo(me, 'connection.update', t('change connections'))
  const end = closedTo(me, 'connection.delete', t('end connections'))
  const uses = connection.used_by.length
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <Button
          tone={connection.status === 'needs_reauth' ? 'primary' : 'plain'}
          small
          reason={over ?? closedTo(me, 'connection.create', t('make connections'))}
          busy={again.isPending}
          onClick={() => again.mutate(undefined)}
        >
          {t('Sign in again')}
        </Button>
        {connection.refresh_at !== null && (
          <Button small reason={update} busy={refresh.isPending} onClick={() => refresh.mutate(undefined)}>
            {t('Renew the token')}
          </Button>
        )}
        <Button small reason={update} busy={test.isPending} onClick={() => test.mutate(undefined)}>
          {t('Test')}
        </Button>
        {rotates && (
          <Confirm
            name={t('Exchange the key')}
            title={t('Exchange the key of {name}', { name: `${connection.provider}:${connection.name}` })}
            confirm={t('Exchange it')}
            reason={update ?? whyNotNow(connection)}
            busy={rotate.isPending}
            onConfirm={() => rotate.mutate(undefined)}
          >
            {t(
              'The provider makes a new key, which is tried and put in place. The old one counts for a while longer, for whoever else has it, and is then ended at the provider.',
            )}
          </Confirm>
        )}
        <Button small reason={update} busy={makeDefault.isPending} onClick={() => makeDefault.mutate(undefined)}>
          {t('Make it my default')}
        </Button>
        <Confirm
          name={t('Revoke')}
          title={t('Revoke {name}', { name: `${connection.provider}:${connection.name}` })}
          confirm={t('Revoke it')}
          reason={over ?? end}
          busy={revoke.isPending}
          onConfirm={() => revoke.mutate(undefined)}
        >
          {t(
            '{uses, plural, =0 {No agent uses it.} one {# grant ends} other {# grants end}} {uses, plural, =0 {} other {with it, and requests that carry it are cut within a second.}} The provider is told to end the credential, and what is stored is erased.',
            { uses },
          )}
        </Confirm>
        <Confirm
          name={t('Remove')}
          title={t('Remove {name}', { name: `${connection.provider}:${connection.name}` })}
          confirm={t('Remove it')}
          reason={connection.status === 'removed' ? over : end}
          busy={remove.isPending}
          onConfirm={() => remove.mutate(undefined)}
        >
          {t('It is revoked first, and then gone from every list. The record keeps what it did.')}
        </Confirm>
        <p role="status" className="text-sm text-muted">
          {told}
        </p>
      </div>
      <Refusal
        error={again.error ?? refresh.error ?? test.error ?? rotate.error ?? makeDefault.error ?? revoke.error ?? remove.error}
      />
    </div>
  )
}

/** Whether its provider's definition says how a key is exchanged (V50). */
function useRotates({ provider, method }: Connection): boolean {
  const byKey = method === 'api_key' || method === 'basic'
  const query = useQuery({
    queryKey: ['providers', 'one', provider],
    queryFn: () => api.call('GET /providers/:name', { params: { name: provider } }),
    enabled: byKey,
  })
  return byKey && query.data?.definition?.rotate !== undefined
}

const whyNotNow = ({ status, rotation }: Connection): string | undefined =>
  status !== 'connected'
    ? t('Only a key that works is exchanged.')
    : rotation !== null && rotation.state !== 'over'
      ? t('A new key is on its way already.')
      : undefined
