// Where messages for an agent go (relay.md R40): the hosted inbox, a signed POST to an endpoint of its own, or another A2A server. What a mode needs is put in the transaction that
// chooses it, and what nobody has taken yet moves with it. A secret is in the one answer that made it.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { seeCard } from '../cards/card.ts'
import { changeDelivery, type Delivery } from '../cards/delivery.ts'
import type { Card } from '../cards/show.ts'
import { MOVE, moveWaiting } from './dispatch.ts'
import type { DeliveryHouse, EndpointWishes, ShownEndpoint } from './house.ts'
import { readUpstreamCard, type UpstreamWishes } from './upstream/card.ts'
import { findUpstream, forgetUpstream, type NewUpstream, putUpstream } from './upstream/sql.ts'

export type DeliveryWishes = {
  mode: 'inbox' | 'push' | 'a2a'
  on_exhausted?: 'queue' | 'fail' | undefined
  url?: string | undefined
  secret?: string | undefined
  endpoint_id?: string | undefined
  generate_secret?: boolean | undefined
  signature?: 'foragent' | 'standard' | undefined
  thin?: boolean | undefined
  upstream?: UpstreamWishes | undefined
}

export type ShownUpstream = { card_url: string; connection_id: string | null; signed: boolean; checked_at: Date }
type Own = { endpoint: ShownEndpoint | null; upstream: ShownUpstream | null; secret?: string }

/** What was accepted while the mode changed, by whoever had read the old one, is looked for once more then. */
const ONCE_MORE = '10s'

export async function setDelivery(house: DeliveryHouse, scope: Scope, id: string, wishes: DeliveryWishes): Promise<Card & Own> {
  refuseMixed(wishes)
  const { mode, on_exhausted, upstream: named } = wishes
  if (named?.connection_id !== undefined) await house.mayNameConnection(scope, named.connection_id)
  // Both ask the network, so they come before the transaction.
  const endpoint =
    mode === 'push' ? await house.deliveries.prepare({ side: 'owner', tenantId: scope.tenantId }, endpointOf(wishes)) : null
  const upstream = mode === 'a2a' ? await readUpstreamCard(house, scope, named as UpstreamWishes) : null
  // What policies and people are shown; never a secret.
  const asked: Delivery & Record<string, unknown> = {
    ...{ mode, ...(on_exhausted ? { on_exhausted } : {}) },
    ...(mode === 'push' ? { url: wishes.url } : {}),
    ...(mode === 'a2a' ? { card_url: named?.card_url, connection_id: named?.connection_id ?? null } : {}),
  }
  const binding = { boundTo: id, side: 'owner' as const }
  const host = mode === 'push' ? hostOf(wishes.url as string) : upstream && hostOf(upstream.origin)
  return changeDelivery(house, scope, id, asked, host, async (t) => {
    const put = endpoint ? await house.deliveries.put(t, scope, { ...binding, relayGrantId: null }, endpoint) : null
    if (!endpoint) await house.deliveries.remove(t, scope, binding, 'all')
    if (upstream) await putUpstream(t, scope, { ...upstream, card_id: id })
    else await forgetUpstream(t, scope, id)
    await moveWaiting(house, t, scope, id, mode)
    await enqueue(t, { kind: MOVE, tenantId: scope.tenantId, payload: { card_id: id }, runAt: ONCE_MORE })
    return {
      endpoint: put && shownEndpoint(put.endpoint),
      upstream: upstream && shownUpstream(upstream, t.now),
      ...(put?.secret ? { secret: put.secret } : {}),
    }
  })
}

const hostOf = (url: string): string | null => URL.parse(url)?.host ?? null

export const shownUpstream = (
  { card_url, connection_id, signers }: Pick<NewUpstream, 'card_url' | 'connection_id' | 'signers'>,
  checkedAt: Date,
): ShownUpstream => ({ card_url, connection_id, signed: signers.length > 0, checked_at: checkedAt })

/** For whoever may read the card. */
export const getDelivery = (house: DeliveryHouse, scope: Scope, id: string) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const card = await seeCard(t, scope, id, 'card.read')
      const [endpoint] = await house.deliveries.list(t, scope, { boundTo: id, side: 'owner' })
      const upstream = await findUpstream(t, scope, id)
      return {
        ...{ mode: card.delivery_mode, on_exhausted: card.on_exhausted },
        endpoint: endpoint ? shownEndpoint(endpoint) : null,
        upstream: upstream && {
          card_url: upstream.card_url,
          connection_id: upstream.connection_id,
          signed: upstream.signers.length > 0,
          checked_at: upstream.checked_at,
        },
      }
    },
    { readOnly: true },
  )

const shownEndpoint = ({ id, url, mode, state }: ShownEndpoint): ShownEndpoint => ({ id, url, mode, state })

const OF_PUSH = ['url', 'secret', 'endpoint_id', 'generate_secret', 'signature', 'thin'] as const

/** Each mode has members of its own; those of another one would say what nobody does. */
function refuseMixed(wishes: DeliveryWishes): void {
  const { mode } = wishes
  const strange = [...(mode === 'push' ? [] : OF_PUSH), ...(mode === 'a2a' ? [] : (['upstream'] as const))].filter(
    (name) => wishes[name] !== undefined,
  )
  const missing = [
    ...(mode === 'push' && wishes.url === undefined ? ['url'] : []),
    ...(mode === 'a2a' && wishes.upstream === undefined ? ['upstream'] : []),
  ]
  const errors = [
    ...strange.map((name) => ({ path: `/${name}`, code: 'unknown_member', message: `The mode ${mode} has no such member.` })),
    ...missing.map((name) => ({ path: `/${name}`, code: 'required', message: `The mode ${mode} needs it.` })),
  ]
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}

function endpointOf({ url, secret, endpoint_id, generate_secret, signature, thin }: DeliveryWishes): EndpointWishes {
  return {
    url: url as string,
    ...(secret === undefined ? {} : { secret }),
    ...(endpoint_id === undefined ? {} : { endpoint_id }),
    ...(generate_secret === undefined ? {} : { generate_secret }),
    ...(signature === undefined ? {} : { mode: signature }),
    ...(thin === undefined ? {} : { thin }),
  }
}
