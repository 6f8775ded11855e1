// What the routes of cards take and answer.
import { s } from '../../http/route.ts'
import { MAY } from './agent.ts'
import { CardShown, DELIVERY_MODES, NewCard, Slug } from './input.ts'

export const CardBody = s.named(
  'Card',
  s.object({
    id: s.id('card'),
    slug: Slug,
    ...CardShown,
    version: s.int({ min: 1 }),
    etag: s.text().describe('What `If-Match` of a change names.'),
    state: s.oneOf('active', 'paused', 'retired'),
    state_since: s.time(),
    paused_reason: s.maybe(s.text()),
    listing: s.oneOf('direct_link_only', 'submitted', 'listed', 'rejected'),
    listed_version: s.maybe(s.int()),
    pending_version: s.maybe(s.int()).describe('Of a listed card: saved since, and waiting for its review.'),
    listing_note: s.maybe(s.text()).describe('What the reviewers said.'),
    delivery: s.object({ mode: s.oneOf(...DELIVERY_MODES), on_exhausted: s.oneOf('queue', 'fail') }),
    environment: s.oneOf('live', 'test'),
    url: s.text().describe('The base address of the agent, with its slash.'),
    card_url: s.text().describe('Where anybody reads the card, if it is public.'),
    created_by: s.text(),
    created_at: s.time(),
    updated_at: s.time(),
  }),
  'An agent that others may find and ask to work with.',
)

const version = {
  number: s.int({ min: 1 }),
  is_current: s.boolean(),
  content_sha256: s.text(),
  author: s.text(),
  created_at: s.time(),
  signed_at: s.time(),
}
export const CardVersion = s.named('CardVersion', s.object(version))
export const WholeCardVersion = s.named(
  'WholeCardVersion',
  s.object({ ...version, document: s.jsonObject(), a2a_document: s.jsonObject() }),
  'Both documents of a version as they are served, signatures and all.',
)

export const CardPreview = s.named(
  'CardPreview',
  s.object({
    document: s.jsonObject(),
    a2a_document: s.jsonObject(),
    secrets: s.array(s.object({ path: s.text(), kind: s.text() })).describe('What looks like a secret, by JSON Pointer.'),
  }),
  'Both documents of a card as they would be, before they are signed.',
)

export const NewCardBody = s.named(
  'NewCard',
  s.object({ ...NewCard.shape, environment: s.optional(s.oneOf('live', 'test')).describe('That of its agent, unless said.') }),
)

export const KeyRotation = s.named(
  'CardKeyRotation',
  s.object({
    job_id: s.text().describe('Signs every current card anew.'),
    kid: s.text(),
    retiring: s.array(s.text()),
    retires_at: s.maybe(s.time()).describe('When the older key leaves the key set.'),
  }),
)

export const CardKeySet = s.named(
  'CardKeySet',
  s.object({ keys: s.array(s.jsonObject()) }),
  'The public keys of the signatures of a card (RFC 7517).',
)

export const AgentCard = s.named(
  'AgentCard',
  s.object({
    card: s.jsonObject().describe('The signed document, as `GET /agents/{slug}/card` has it.'),
    viewer: s.object({
      request: s.maybe(s.object({ id: s.id('creq'), state: s.oneOf('pending', 'approved', 'denied', 'withdrawn', 'expired') })),
      relay_grant: s.maybe(s.object({ id: s.id('rgr'), expires_at: s.maybe(s.time()) })),
      may: s.array(s.oneOf(...MAY)).describe('What you could do here; policies of both sides are asked when you do it.'),
      listing: s.maybe(s.oneOf('direct_link_only', 'submitted', 'listed', 'rejected')),
    }),
  }),
  'The card of an agent, and what stands between it and whoever asks.',
)
