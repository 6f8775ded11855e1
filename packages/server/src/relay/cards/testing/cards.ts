// Cards as people write them: from the least that one may say to all of it. For tests.
import { makeCardKey } from '../../../crypto/card-signature.ts'
import type { NewCard } from '../input.ts'

export const leastCard = (slug: string): NewCard => ({
  slug,
  name: 'Ada',
  summary: 'Books travel.',
  skills: [{ id: 'book', name: 'Book', description: 'Books a flight.', tags: ['travel'] }],
  accepted_inputs: ['text/plain'],
  expected_outputs: ['text/plain'],
})

const sealingKey = (): Record<string, never> => {
  const { kty, crv, x, y } = makeCardKey('ES256').publicJwk as unknown as Record<string, never>
  return { kty, crv, x, y } as unknown as Record<string, never>
}

export const wholeCard = (slug: string): NewCard => ({
  ...leastCard(slug),
  name: 'Ada — „Reisen“ 旅',
  description: 'Books travel,\nby rail first.\u2028 <b>not markup</b> \u202eright to left',
  category: 'travel-booking',
  provider: { name: 'Ada & Sons', url: 'https://ada.example/' },
  approval: 'message',
  retention_days: 0,
  limits: { max_open_threads: 0, messages_per_day: 5_000, bytes_per_day: 1_073_741_824, rate: 60 },
  encryption_keys: [sealingKey()],
  documentation_url: 'https://ada.example/docs?a=1&b=ü',
  icon_url: 'https://ada.example/icon.png',
  accepted_inputs: ['text/plain', 'application/json', '*/*'],
  expected_outputs: ['application/json', 'image/svg+xml'],
  capabilities: { push_notifications: false },
  skills: [
    {
      id: 'book.flight',
      name: 'Book',
      description: 'Books a flight — für 20 €.',
      tags: ['travel', 'Zug'],
      input_modes: ['application/json'],
      output_modes: ['application/json'],
      examples: ['Berlin to Wien, "tomorrow"', '🚄'],
      facts: [
        { name: 'amount', pointer: '/total/amount', type: 'long', required: true },
        { name: 'currency', pointer: '/total/currency', type: 'word', values: ['EUR', 'CHF'] },
        { name: 'refundable', pointer: '/refundable', type: 'bool', required: false },
      ],
      risk: 'high',
    },
    { id: 'cancel', name: 'Cancel', description: 'Cancels a booking.', tags: ['travel'] },
  ],
})

export const sealedCard = (slug: string): NewCard => ({
  ...leastCard(slug),
  encryption_keys: [sealingKey(), sealingKey()],
  retention_days: 'none',
  visibility: 'members',
  capabilities: { streaming: false, extended_card: false },
})

export const FIXTURES = [leastCard, wholeCard, sealedCard]
