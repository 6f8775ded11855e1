// A card before it is saved (relay.md R128): what is shown is what would be served, and nothing is stored.

import { expect, test } from 'vitest'
import { setup } from '#harness'
import { leastCard, wholeCard } from './testing/cards.ts'

const bare = ({ signatures: _, ...document }: Record<string, unknown>) => document

test('R128 the preview of a card is what is served once it is saved, but for the signatures; of a change it says the next number', async () => {
  const house = await setup()
  const { alice } = house
  const said = wholeCard('ada-preview')
  const preview = await alice.post('/api/v1/cards/preview', said)
  expect(preview.status).toBe(200)
  expect((await alice.get('/api/v1/cards')).body.data).toEqual([])
  const saved = (await alice.post('/api/v1/cards', said)).body
  const { body: version } = await alice.get(`/api/v1/cards/${saved.id}/versions/1`)
  expect(bare(version.document)).toEqual(preview.body.document)
  expect(bare(version.a2a_document)).toEqual(preview.body.a2a_document)
  const next = await alice.post('/api/v1/cards/preview', { ...said, name: 'Other', card_id: saved.id })
  expect(next.body.document).toMatchObject({ version: 2, name: 'Other' })
  expect((await alice.get(`/api/v1/cards/${saved.id}`)).body.version).toBe(1)
})

test('R11 R128 the preview names what looks like a secret, and faults have their place; a card of others is none', async () => {
  const house = await setup()
  const { alice } = house
  const preview = await alice.post('/api/v1/cards/preview', {
    ...leastCard('ada-secret'),
    description: `Use AKIA${'Q'.repeat(16)} to sign in.`,
  })
  expect(preview.body.secrets).toEqual([{ path: '/description', kind: 'aws_access_key' }])
  const wrong = await alice.post('/api/v1/cards/preview', { ...leastCard('ada-wrong'), accepted_inputs: ['text'] })
  expect([wrong.status, wrong.body.errors[0].path]).toEqual([422, '/accepted_inputs/0'])
  const mine = (await alice.post('/api/v1/cards', leastCard('ada-mine'))).body
  const elsewhere = await house.given.user({ role: 'owner', tenantId: await house.given.tenant('Elsewhere') })
  expect((await elsewhere.post('/api/v1/cards/preview', { ...leastCard('bea'), card_id: mine.id })).status).toBe(404)
  expect((await house.viewer.post('/api/v1/cards/preview', leastCard('ada-view'))).status).toBe(403)
  expect((await elsewhere.get(`/api/v1/cards/${mine.id}/delivery`)).status).toBe(404)
  expect((await house.viewer.get(`/api/v1/cards/${mine.id}/delivery`)).body).toEqual({
    ...{ mode: 'inbox', on_exhausted: 'queue', endpoint: null, upstream: null },
  })
})
