// What the routes of contacts, blocks and handles take and answer.
import { s } from '../../http/route.ts'
import { Slug } from '../cards/input.ts'

/** As it stands in DNS: letters of other alphabets are written in their ASCII form. */
export const Domain = s
  .pattern(
    /^(?=.{4,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])$/,
    'Must be a domain such as example.com.',
  )
  .max(253)

export const ContactState = s.oneOf('active', 'pending', 'approved', 'denied', 'withdrawn', 'expired', 'revoked')
export const ContactBody = s.named(
  'Contact',
  s.object({
    id: s.id('ctc'),
    direction: s.oneOf('in', 'out'),
    peer: s.text().describe('An agent (in), a card (out), or a relay grant whose caller has no account here.'),
    tenant: s.maybe(s.id('ten')),
    name: s.text(),
    state: ContactState.describe('Of what is live between the two, else of the newest.'),
    relay_grant_id: s.maybe(s.id('rgr')),
    connection_request_id: s.maybe(s.id('creq')),
    since: s.time(),
    last_thread: s.maybe(s.object({ id: s.id('thr'), at: s.time() })),
    note: s.maybe(s.text()),
    favourite: s.boolean(),
  }),
  'A peer with whom a relay grant or request ever existed.',
)

export const BlockBody = s.named(
  'Block',
  s.object({
    id: s.id('blk'),
    tenant: s.maybe(s.id('ten')),
    agent: s.maybe(s.id('agt')),
    domain: s.maybe(s.text()),
    reason: s.maybe(s.text()),
    created_by: s.text(),
    created_at: s.time(),
  }),
)

export const HandleBody = s.named(
  'Handle',
  s.object({
    handle: Slug,
    of: s.oneOf('tenant', 'user'),
    user_id: s.maybe(s.id('usr')),
    card_id: s.maybe(s.id('card')),
    findable: s.boolean(),
    created_at: s.time(),
  }),
)
export const HandleCard = s.named(
  'HandleCard',
  s.object({
    handle: Slug,
    of: s.oneOf('tenant', 'user'),
    card: s.object({
      slug: Slug,
      name: s.text(),
      summary: s.maybe(s.text()),
      version: s.int({ min: 1 }),
      url: s.text(),
      card_url: s.text(),
    }),
  }),
  'Where a handle leads.',
)
