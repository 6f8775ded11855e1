// What needs nobody's yes under a relay grant (relay.md R79, R128): those in force first, then drafts. What lies above a ceiling is asked about as before.
import type { RelayGrantInUse } from '@countersign/sdk'
import { t } from '../text/t.ts'
import { Card } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { StandingItem, useStanding } from './standing-item.tsx'

export function StandingCard({ grant, now }: { grant: RelayGrantInUse; now: number }) {
  const { data, error } = useStanding(grant.id)
  return (
    <Card title={t('Allowed from now on')}>
      <Refusal error={error} />
      {data?.length === 0 && (
        <p className="text-muted">
          {t(
            'Nothing: whatever policies ask about is asked each time. On the page of such a question it can be allowed from then on.',
          )}
        </p>
      )}
      {data !== undefined && data.length > 0 && (
        <ul className="flex min-w-0 flex-col divide-y divide-line">
          {data.map((one) => (
            <li key={one.id} className="py-4 first:pt-0 last:pb-0">
              <StandingItem grantId={grant.id} one={one} now={now} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
