// The secrets of an endpoint: which sign now and until when, a new one with an overlap, and the end of an old one at once. Shown once.
import { type ReactNode, useState } from 'react'
import { api } from '../api.ts'
import { When } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { ShownOnce } from '../pages/shown-once.tsx'
import { useStepUp } from '../step-up.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { type Endpoint, useWebhookAct } from './frame.tsx'

const OVERLAPS = [
  { value: '86400', label: t('one day') },
  { value: '3600', label: t('one hour') },
  { value: '604800', label: t('one week') },
  { value: '0', label: t('none: the old one ends now') },
]

const muted = (words: ReactNode) => <span className="text-muted">{words}</span>

export function SecretsCard({ endpoint, now }: { endpoint: Endpoint; now: number }) {
  const me = useUser()
  const { run, dialog } = useStepUp()
  const [secret, setSecret] = useState<string | null>(null)
  const hasRoom = endpoint.mode === 'standard' || endpoint.mode === 'stripe'
  const [overlap, setOverlap] = useState(hasRoom ? '86400' : '0')
  const params = { id: endpoint.id }
  const rotate = useWebhookAct(
    () => run(() => api.call('POST /endpoints/:id/rotate', { params, body: { overlap_seconds: Number(overlap) } })),
    (made) => setSecret(made.secret ?? null),
  )
  const revoke = useWebhookAct((n: number) =>
    run(() => api.call('POST /endpoints/:id/secrets/:n/revoke', { params: { ...params, n: String(n) } })),
  )
  const isOpen = endpoint.secrets.length > 1
  const closed = closedTo(me, 'endpoint.rotate', t('rotate secrets'))
  return (
    <Card title={t('Secrets')}>
      <ul className="flex flex-col divide-y divide-line">
        {endpoint.secrets.map((one) => (
          <li key={one.n} className="flex flex-wrap items-center justify-between gap-3 py-2 first:pt-0">
            <span>
              {one.ends_at
                ? rich('Secret {n}<muted>, made {made}, signs until {until}</muted>', {
                    n: one.n,
                    muted,
                    made: <When at={one.created_at} now={now} />,
                    until: <When at={one.ends_at} now={now} />,
                  })
                : rich('Secret {n}<muted>, made {made}</muted>', {
                    n: one.n,
                    muted,
                    made: <When at={one.created_at} now={now} />,
                  })}
            </span>
            {isOpen && (
              <Confirm
                name={t('Revoke')}
                title={t('Revoke secret {n}', { n: one.n })}
                confirm={t('Revoke it now')}
                reason={closed}
                busy={revoke.isPending}
                onConfirm={() => revoke.mutate(one.n)}
              >
                {t(
                  'From the next attempt on nothing is signed with it. Receivers that know only this one will refuse what comes.',
                )}
              </Confirm>
            )}
          </li>
        ))}
      </ul>
      <Refusal error={rotate.error ?? revoke.error} />
      <div className="flex flex-wrap items-end gap-3">
        {hasRoom && (
          <SelectField
            label={t('Both sign for')}
            value={overlap}
            options={OVERLAPS}
            onChange={(event) => setOverlap(event.target.value)}
          />
        )}
        <Button
          reason={closed ?? (isOpen ? t('A rotation is open: revoke the older secret, or wait for its end.') : undefined)}
          busy={rotate.isPending}
          onClick={() => rotate.mutate(undefined)}
        >
          {t('Rotate')}
        </Button>
      </div>
      {!hasRoom && (
        <p className="text-sm text-muted">{t('The header of this mode holds one signature, so the old secret ends at once.')}</p>
      )}
      <ShownOnce secret={secret} onClose={() => setSecret(null)} title={t('The new secret')} label={t('secret')} />
      {dialog}
    </Card>
  )
}
