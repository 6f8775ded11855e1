// The versions of a card (relay.md R12): what each said, beside what is said now, and an older one put in force again, as a new one.
import type { Card as AgentCard, CardVersion } from '@countersign/sdk'
import { Problem } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { readExact } from '../exact.ts'
import { When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { Comparison } from '../task/comparison.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { useRelayAct } from './words.tsx'

export function CardVersions({ card }: { card: AgentCard }) {
  const now = useNow()
  const [shown, setShown] = useState<number | null>(null)
  const { rows, query } = useList<CardVersion>(['relay', 'card', card.id, 'versions', card.version], (cursor) =>
    api.call('GET /cards/:id/versions', { params: { id: card.id }, query: { limit: 10, cursor } }),
  )
  return (
    <Card title={t('Versions')}>
      <Refusal error={query.error} />
      <ul className="flex flex-col divide-y divide-line">
        {rows.map((one) => (
          <li key={one.number} className="flex flex-wrap items-center justify-between gap-2 py-2 first:pt-0 last:pb-0">
            <span className="flex flex-wrap items-center gap-2">
              {t('Version {version}', { version: one.number })}
              {one.is_current && <Badge tone="good">{t('in force')}</Badge>}
              {one.number === card.listed_version && <Badge tone="info">{t('listed')}</Badge>}
              <span className="text-sm text-muted">
                <When at={one.created_at} now={now} />
              </span>
            </span>
            <Button small onClick={() => setShown(one.number)}>
              {t('Look at version {version}', { version: one.number })}
            </Button>
          </li>
        ))}
      </ul>
      <More query={query} />
      <Dialog
        open={shown !== null}
        onClose={() => setShown(null)}
        title={shown === null ? '' : t('Version {version}', { version: shown })}
      >
        {shown !== null && <OneVersion card={card} number={shown} onDone={() => setShown(null)} />}
      </Dialog>
    </Card>
  )
}

function OneVersion({ card, number, onDone }: { card: AgentCard; number: number; onDone: () => void }) {
  const me = useUser()
  const [confirmed, setConfirmed] = useState(false)
  const read = (n: number) => api.call('GET /cards/:id/versions/:n', { params: { id: card.id, n: String(n) } })
  const then = useQuery({ queryKey: ['relay', 'card', card.id, 'version', number], queryFn: () => read(number) })
  const now = useQuery({ queryKey: ['relay', 'card', card.id, 'version', card.version], queryFn: () => read(card.version) })
  const restore = useRelayAct(
    () =>
      api.call('POST /cards/:id/versions/:n/restore', {
        params: { id: card.id, n: String(number) },
        body: confirmed ? { confirm_public: true } : {},
      }),
    onDone,
  )
  const saysSecret = restore.error instanceof Problem && restore.error.code === 'secret_in_card'
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <Refusal error={then.error ?? now.error ?? restore.error} />
      {then.data && now.data && number !== card.version && (
        <>
          <h3 className="font-medium">{t('What differs from the version in force')}</h3>
          <Comparison
            before={readExact(JSON.stringify(said(now.data.document)))}
            after={readExact(JSON.stringify(said(then.data.document)))}
            label={t('What differs from the version in force')}
          />
        </>
      )}
      {then.data && number === card.version && <p className="text-muted">{t('This one is in force.')}</p>}
      {saysSecret && (
        <label className="flex items-center gap-2">
          <input type="checkbox" checked={confirmed} onChange={(event) => setConfirmed(event.target.checked)} />
          {t('It is no secret: save it all the same')}
        </label>
      )}
      {number !== card.version && (
        <div>
          <Button
            tone="primary"
            reason={
              closedTo(me, 'card.publish', t('publish cards')) ??
              (card.state === 'retired' ? t('The card is out of use.') : undefined)
            }
            busy={restore.isPending}
            onClick={() => restore.mutate(undefined)}
          >
            {t('Put it in force again')}
          </Button>
        </div>
      )}
    </div>
  )
}

const said = ({ signatures: _signed, version: _number, ...document }: Record<string, unknown>) => document
