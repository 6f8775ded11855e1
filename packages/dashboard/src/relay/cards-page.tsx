// The cards of our agents (relay.md R128): how each stands, whether it is found, and the ways to a new one.
import type { Card } from '@countersign/sdk'
import { Link, useLocation } from 'wouter'
import { api } from '../api.ts'
import { When } from '../jobs/frame.tsx'
import { useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'
import { CardsFrame } from './frame.tsx'
import { Named, Rows } from './lists.tsx'
import { CardBadge, LIVE, ListingBadge, visibilityWord } from './words.tsx'

export function CardsPage() {
  useTitle(t('Cards'))
  const me = useUser()
  const now = useNow()
  const [, go] = useLocation()
  const closed = closedTo(me, 'card.read', t('see cards'))
  const publish = closedTo(me, 'card.publish', t('publish cards'))
  const list = useList<Card>(['relay', 'cards'], (cursor) => api.call('GET /cards', { query: { limit: 50, cursor } }), {
    enabled: closed === undefined,
    ...LIVE,
  })
  if (closed)
    return (
      <CardsFrame title={t('Our cards')}>
        <Banner tone="info">{closed}</Banner>
      </CardsFrame>
    )
  return (
    <CardsFrame
      title={t('Our cards')}
      aside={
        <div className="flex flex-wrap gap-2">
          <Button reason={publish} onClick={() => go(paths.importCard())}>
            {t('Import a card')}
          </Button>
          <Button tone="primary" reason={publish} onClick={() => go(paths.newCard())}>
            {t('New card')}
          </Button>
        </div>
      }
    >
      <Rows
        label={t('Our cards')}
        list={list}
        none={t('No card yet. A card says what an agent of yours does; agents of other owners find it, and ask to be let in.')}
        columns={[
          {
            name: t('Agent'),
            cell: (row) => (
              <Named below={<span className="font-mono">{row.slug}</span>}>
                <Link href={paths.card(row.id)}>
                  <AgentText text={row.name} />
                </Link>
              </Named>
            ),
          },
          { name: t('State'), cell: (row) => <CardBadge card={row} /> },
          {
            name: t('Found'),
            cell: (row) => (
              <span className="flex flex-wrap gap-1">
                <ListingBadge card={row} />
              </span>
            ),
          },
          { name: t('Read by'), cell: (row) => visibilityWord(row.visibility) },
          { name: t('Version'), right: true, cell: (row) => row.version },
          { name: t('Changed'), cell: (row) => <When at={row.updated_at} now={now} /> },
        ]}
      />
    </CardsFrame>
  )
}
