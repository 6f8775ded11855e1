// Proofs of domains (relay.md R23), at a name server and a web server on this machine.
import { expect, onTestFinished, test } from 'vitest'
import { systemScope } from '../../db/scope.ts'
import { openDnsStub, type StubRecord } from '../../egress/testing/dns-stub.ts'
import { openRig, RIG_CERTIFICATE } from '../../egress/testing/rig.ts'
import { openLog } from '../../std/log.ts'
import type { RelayHouse } from '../house.ts'
import type { Loose } from '../testing/relay.ts'
import { openTwo } from '../testing/two.ts'
import { verifyDomain } from './domain.ts'

/** What stands in the DNS, by name; who asks for it asks a real server. */
async function open() {
  const texts = new Map<string, string[]>()
  const records = (name: string): StubRecord[] => (texts.get(name) ?? []).map((text) => ({ text }))
  const dns = await openDnsStub((name, type) => (type === 'TXT' && texts.has(name) ? { records: records(name) } : {}))
  onTestFinished(() => dns.close())
  const two = await openTwo({ settings: { EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}` } })
  const at = `/api/v1/cards/${two.cardId}/domains`
  const challenge = (domain = 'ada.example.com', method = 'dns', by = two.house.alice) => by.post(at, { domain, method })
  const verify = (named: string, by = two.house.alice) => by.post(`${at}/${named}/verify`)
  return { ...two, dns, texts, at, challenge, verify }
}

test('R23 a domain is proved by the text that only this card was told, in the DNS beside whatever stands there', async () => {
  const { house, texts, at, challenge, verify, events } = await open()
  const asked = await challenge('Ada.Example.com')
  expect([asked.status, asked.body]).toMatchObject([
    201,
    {
      domain: 'ada.example.com',
      method: 'dns',
      state: 'pending',
      challenge: { dns: { name: '_countersign.ada.example.com', type: 'TXT' } },
    },
  ])
  const { value } = asked.body.challenge.dns
  expect(value).toMatch(/^countersign-card=[A-Za-z0-9_-]{43}$/)
  const again = await challenge()
  expect([again.status, again.body]).toEqual([200, asked.body])

  expect((await verify(asked.body.id)).body).toMatchObject({
    status: 422,
    code: 'verification_failed',
    domain: 'ada.example.com',
  })
  texts.set('_countersign.ada.example.com', ['countersign-domain=other', `${value}x`])
  expect((await verify(asked.body.id)).body.code).toBe('verification_failed')
  expect((await house.alice.get(at)).body.data[0]).toMatchObject({ state: 'pending', verified_at: null })
  // A long text comes in pieces, and an answer that does not fit comes over TCP.
  texts.set('_countersign.ada.example.com', ['countersign-domain=other', 'x'.repeat(700), value])
  const verified = await verify(asked.body.id)
  expect([verified.status, verified.body]).toMatchObject([200, { state: 'verified', failed_at: null }])
  const days = (Date.parse(verified.body.expires_at) - Date.parse(verified.body.verified_at)) / 86_400_000
  expect(days).toBe(90)
  expect((await events(house.tenantId, 'domain.%')).map(({ type }) => type)).toEqual([
    'domain.challenged',
    'domain.failed',
    'domain.failed',
    'domain.verified',
  ])
})

test('R23 the value is of one card of one tenant: another card that names the domain is told another', async () => {
  const { house, bea, texts, challenge } = await open()
  const { body } = await challenge()
  texts.set('_countersign.ada.example.com', [body.challenge.dns.value])
  const other = await bea.post('/api/v1/cards', {
    ...{
      slug: 'bea-copies',
      name: 'Copy',
      summary: 'Copies.',
      accepted_inputs: ['text/plain'],
      expected_outputs: ['text/plain'],
    },
    skills: [{ id: 'x', name: 'x', description: 'x', tags: ['x'] }],
  })
  const theirs = `/api/v1/cards/${other.body.id}/domains`
  const copied = await bea.post(theirs, { domain: 'ada.example.com' })
  expect(copied.body.challenge.dns.value).not.toBe(body.challenge.dns.value)
  expect((await bea.post(`${theirs}/${copied.body.id}/verify`)).body.code).toBe('verification_failed')
  // Of somebody else's card nothing is there.
  expect((await bea.post(`${theirs}/${body.id}/verify`)).status).toBe(404)
  expect((await bea.post(`/api/v1/cards/${body.card_id}/domains`, { domain: 'x.example.com' })).status).toBe(404)
  expect((await house.viewer.post(`/api/v1/cards/${body.card_id}/domains`, { domain: 'x.example.com' })).status).toBe(403)
})

test('R23 it is looked for again each week, and counts no more 90 days after it was last found', async () => {
  const { house, texts, dns, at, challenge, verify } = await open()
  const { body } = await challenge()
  texts.set('_countersign.ada.example.com', [body.challenge.dns.value])
  await verify(body.id)
  const one = () =>
    house.admin
      .one<Loose>`select state, verified_at, expires_at, checked_at, failed_at from card_domains where id = ${body.id as string}`
  const first = await one()
  const asked = dns.asked.length
  await house.clock.advance('6d')
  await house.runJobs()
  expect(dns.asked.length).toBe(asked)
  await house.clock.advance('25h')
  await house.runJobs()
  const second = await one()
  expect(second.verified_at.getTime()).toBeGreaterThan(first.verified_at.getTime())
  texts.clear()
  await house.clock.advance('8d')
  await house.runJobs()
  const missed = await one()
  expect([missed.state, missed.expires_at, missed.failed_at === null]).toEqual(['verified', second.expires_at, false])
  await house.clock.advance('83d')
  await house.runJobs()
  expect((await one()).state).toBe('expired')
  // What lapsed is proved anew by whoever asks for it.
  texts.set('_countersign.ada.example.com', [body.challenge.dns.value])
  const later = await house.given.user({ role: 'admin' })
  expect((await later.post(`${at}/${body.id}/verify`)).body.state).toBe('verified')
})

test('R23 R117 the file at the domain proves it too: over https, at the domain itself, without a redirect, and from no inside address', async () => {
  const { house, cardId, challenge } = await open()
  const { body } = await challenge('rig.example.com', 'https')
  expect(body.challenge.https.url).toBe('https://rig.example.com/.well-known/countersign.txt')
  let file = ''
  let moved = false
  const rig = await openRig({
    guard: {
      allowed: [
        { host: 'rig.example.com', port: 443 },
        { host: 'hooks.example.com', port: 443 },
      ] as never,
    },
    handler: (seen, answer) => {
      if (moved && seen.host === 'rig.example.com') answer.writeHead(302, { location: 'https://hooks.example.com/' }).end()
      else answer.end(file)
    },
  })
  const fetch = (request: Parameters<typeof rig.door.fetch>[0]) => rig.door.fetch({ ...request, ca: RIG_CERTIFICATE })
  const own = { db: house.db, log: openLog({ sink: () => undefined }), door: { ...rig.door, fetch } } as unknown as RelayHouse
  const scope = systemScope('relay', house.tenantId)
  const verify = () => verifyDomain(own, { ...scope, role: 'owner' }, cardId, body.id)
  file = `# of Ada\r\n${body.challenge.https.line}x\r\n`
  await expect(verify()).rejects.toMatchObject({ code: 'verification_failed' })
  file = `# of Ada\r\n  ${body.challenge.https.line}\r\n`
  moved = true
  await expect(verify()).rejects.toMatchObject({ code: 'verification_failed' })
  moved = false
  expect(await verify()).toMatchObject({ state: 'verified', method: 'https' })
  expect(rig.seen.every(({ host, url }) => host === 'rig.example.com' && url === '/.well-known/countersign.txt')).toBe(true)
  // Nothing opens the same address where the operator has not.
  const closed = await openRig({ zone: () => ({ records: [{ address: '127.0.0.1' }] }) })
  const inside = { ...own, door: closed.door } as RelayHouse
  await expect(verifyDomain(inside, { ...scope, role: 'owner' }, cardId, body.id)).rejects.toMatchObject({
    code: 'verification_failed',
  })
  expect(closed.dialled).toEqual([])
})

test('R23 a card gives a domain up; what is no domain is refused by name', async () => {
  const { house, at, challenge } = await open()
  const { body } = await challenge()
  expect((await house.alice.delete(`${at}/${body.id}`)).status).toBe(204)
  expect((await house.alice.get(at)).body.data).toEqual([])
  expect((await house.alice.delete(`${at}/${body.id}`)).status).toBe(404)
  for (const domain of ['localhost', '10.0.0.1', 'a..b', 'x'.repeat(254), 'ada.example.com/x', ''])
    expect([domain, (await house.alice.post(at, { domain })).status]).toEqual([domain, 422])
})
