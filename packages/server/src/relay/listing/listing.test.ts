// The review of what is listed, by its state table (relay.md §2.3, R21, R22, §12.2).
import { expect, test } from 'vitest'
import { tenantWire } from '../../std/id.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { openTwo } from '../testing/two.ts'

/** Bea's card, of another tenant than the one that reviews. */
async function open() {
  const two = await openTwo()
  const { house, bea } = two
  const slug = `bea-${two.slug}`
  const made = await bea.post('/api/v1/cards', leastCard(slug))
  if (made.status !== 201) throw new Error(JSON.stringify(made.body))
  const at = `/api/v1/cards/${made.body.id}`
  const submit = (action = 'submit') => bea.post(`${at}/listing`, { action })
  const review = (body: object, by = house.bob) => by.post(`${at}/review`, body)
  const listed = async (query = '') => (await house.nobody.get(`/api/v1/listing${query}`)).body.data
  const edit = async (wishes: object) => {
    const { body } = await bea.get(at)
    return bea.patch(at, wishes, { 'If-Match': body.etag })
  }
  const task = async () => {
    await house.runJobs()
    const { id } = await house.admin.one<{ id: string }>`
      select id from tasks where origin = 'relay' and origin_ref = ${made.body.id} and status = 'open'`
    return id
  }
  return { ...two, id: made.body.id as string, cardSlug: slug, at, submit, review, listed, edit, task }
}

test('§12.2 R21 what is reviewed is listed, the listing keeps the old version while an edit waits, and a rejection changes neither grants nor link', async () => {
  const { house, bea, at, cardSlug, submit, review, listed, edit, task } = await open()
  expect(await listed()).toEqual([])
  const submitted = await submit()
  expect([submitted.status, submitted.body.listing]).toEqual([200, 'submitted'])
  expect((await submit()).status).toBe(200)
  const shown = await house.bob.get(`/api/v1/tasks/${await task()}`)
  expect(shown.body).toMatchObject({ origin: 'relay', payload: { agent: cardSlug, version: 1, listed_version: null } })
  const done = await review({ version: 1, decision: 'list' })
  expect([done.status, done.body]).toMatchObject([200, { slug: cardSlug, listing: 'listed', version: 1, pending_version: null }])
  expect(await listed()).toMatchObject([
    { slug: cardSlug, version: 1, summary: 'Books travel.', verified_domains: [], health: null },
  ])

  const edited = await edit({ summary: 'Books trains.' })
  expect(edited.body).toMatchObject({ version: 2, listing: 'listed', listed_version: 1, pending_version: 2 })
  expect(await listed()).toMatchObject([{ version: 1, summary: 'Books travel.' }])
  expect((await house.nobody.get(`/api/v1/agents/${cardSlug}/card`)).body.summary).toBe('Books trains.')
  const again = await house.bob.get(`/api/v1/tasks/${await task()}`)
  expect(again.body.payload.difference).toEqual([{ field: 'summary', listed: 'Books travel.', submitted: 'Books trains.' }])
  expect((await review({ version: 2, decision: 'reject' })).status).toBe(422)
  const refused = await review({ version: 2, decision: 'reject', note: 'Not trains.' })
  expect(refused.body).toMatchObject({ listing: 'listed', pending_version: null })
  expect((await bea.get(at)).body).toMatchObject({ listing: 'listed', listed_version: 1, listing_note: 'Not trains.' })
  expect(await listed()).toMatchObject([{ version: 1 }])
  expect((await house.nobody.get(`/api/v1/agents/${cardSlug}/card`)).status).toBe(200)
  const told = await house.admin.rows<{ type: string }>`
    select type from events where resource_id = ${at.split('/').at(-1) as string} and type in ('card.submitted', 'card.listed', 'card.rejected') order by ord`
  expect(told.map(({ type }) => type)).toEqual(['card.submitted', 'card.listed', 'card.rejected'])
})

test('§2.3 of two reviewers at the same moment one decides; whoever is late is told how it stands', async () => {
  const { bea, house, at, submit, review, task } = await open()
  await submit()
  await task()
  const both = await Promise.all([
    review({ version: 1, decision: 'list' }),
    review({ version: 1, decision: 'reject', note: 'No.' }, house.alice),
  ])
  expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
  expect(both.find(({ status }) => status === 409)?.body.code).toBe('listing_conflict')
  const won = both.find(({ status }) => status === 200)?.body.listing
  expect((await bea.get(at)).body.listing).toBe(won)
  expect((await review({ version: 1, decision: 'list' })).body).toMatchObject({ code: 'listing_conflict', state: won })
})

test('§2.3 a withdrawal and a review that meet leave one of the two, and no listed card that its owner took out', async () => {
  const { bea, at, submit, review, listed, task } = await open()
  await submit()
  await task()
  const [withdrawn, reviewed] = await Promise.all([submit('withdraw'), review({ version: 1, decision: 'list' })])
  expect(withdrawn.status).toBe(200)
  expect([200, 409]).toContain(reviewed.status)
  expect((await bea.get(at)).body.listing).toBe('direct_link_only')
  expect(await listed()).toEqual([])
})

test('§2.3 withdrawn, retired, hidden or delisted, a card leaves the listing at once; its question is taken back', async () => {
  const { house, bea, at, submit, review, listed, edit, task } = await open()
  const list = async () => {
    await submit()
    const { version } = (await bea.get(at)).body
    expect((await review({ version, decision: 'list' })).status).toBe(200)
    expect(await listed()).toHaveLength(1)
  }
  await list()
  await edit({ name: 'Other' })
  await task()
  expect((await submit('withdraw')).body).toMatchObject({ listing: 'direct_link_only' })
  await house.runJobs()
  const { n } = await house.admin.one<{
    n: number
  }>`select count(*)::integer as n from tasks where origin = 'relay' and status = 'open'`
  expect([n, await listed()]).toEqual([0, []])
  await list()
  const gone = await review({ version: 2, decision: 'delist', note: 'Spam.' })
  expect(gone.body).toMatchObject({ listing: 'direct_link_only' })
  expect((await review({ version: 2, decision: 'delist' })).body.code).toBe('listing_conflict')
  expect(await listed()).toEqual([])
  await list()
  await edit({ visibility: 'members' })
  expect(await listed()).toEqual([])
  expect((await submit()).body.code).toBe('state_conflict')
  await edit({ visibility: 'public' })
  await list()
  expect((await bea.delete(at)).status).toBe(204)
  expect(await listed()).toEqual([])
})

test('§2.3 R124 nobody of the submitter’s side reviews, nobody of another tenant, and no agent', async () => {
  const { house, bea, submit, review, cardId } = await open()
  await submit()
  await house.runJobs()
  expect((await review({ version: 1, decision: 'list' }, bea)).status).toBe(404)
  const own = await house.alice.post(`/api/v1/cards/${cardId}/listing`, { action: 'submit' })
  expect(own.body.listing).toBe('submitted')
  const self = await house.alice.post(`/api/v1/cards/${cardId}/review`, { version: 1, decision: 'list' })
  expect([self.status, self.body.code]).toEqual([403, 'separation_of_duties'])
  expect((await house.bob.post(`/api/v1/cards/${cardId}/review`, { version: 1, decision: 'list' })).status).toBe(200)
})

test('R22 R120 the listing is searched by text, skill, tag and media type, page by page; whom its owner blocks finds nothing of it', async () => {
  const { house, bea, askerTenant, submit, review, listed, cardId, cardSlug, slug } = await open()
  await submit()
  await review({ version: 1, decision: 'list' })
  await house.alice.post(`/api/v1/cards/${cardId}/listing`, { action: 'submit' })
  await house.bob.post(`/api/v1/cards/${cardId}/review`, { version: 1, decision: 'list' })
  expect((await listed('?q=travel')).map((one: { slug: string }) => one.slug).sort()).toEqual([slug, cardSlug].sort())
  expect(await listed('?skill=cancel')).toMatchObject([{ slug }])
  expect(await listed('?tag=travel')).toMatchObject([{ slug: cardSlug }])
  expect(await listed('?input=image/png')).toEqual([])
  expect(await listed('?verified=true')).toEqual([])
  const first = (await house.nobody.get('/api/v1/listing?limit=1')).body
  const second = (await house.nobody.get(`/api/v1/listing?limit=1&cursor=${first.next_cursor}`)).body
  expect(second.data[0].slug).not.toBe(first.data[0].slug)
  expect(second.next_cursor).toBeNull()
  await house.alice.post('/api/v1/blocks', { tenant: tenantWire(askerTenant) })
  expect((await bea.get('/api/v1/listing')).body.data).toMatchObject([{ slug: cardSlug }])
  expect(await listed()).toHaveLength(2)
})
