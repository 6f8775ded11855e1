import { type AgentCard, canonicalizeAgentCard } from '@a2a-js/sdk'
import { expect, test } from 'vitest'
import { canonical } from '../../crypto/canonical.ts'
import { makeCardKey, signDocument, verifyDocument } from '../../crypto/card-signature.ts'
import { a2aDocument, FACES, type Faces, nativeDocument, wireOf } from './document.ts'
import { NEW_CONTENT, readContent } from './input.ts'
import { FIXTURES, leastCard, wholeCard } from './testing/cards.ts'

const origin = 'https://relay.example'
const ALL: Faces = { jsonrpc: true, rest: true, streaming: true, push_notifications: true, extended_card: true }
const contentOf = (card: ReturnType<typeof leastCard>) => readContent(NEW_CONTENT, card)
const a2aOf = (card: ReturnType<typeof leastCard>, faces = ALL) => a2aDocument(contentOf(card), { number: 3, origin, faces })

/** A2A §8.4.1, in words of our own: what has the value of its default is not there, nothing empty is, at any depth; then RFC 8785. */
function byRules(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => byRules(item)).filter((item) => item !== undefined)
    return items.length > 0 ? items : undefined
  }
  if (value === null || value === '') return undefined
  if (value === false && ['required', 'pkceRequired'].includes(name)) return undefined
  if (typeof value !== 'object') return value
  const members = Object.entries(value).flatMap(([key, member]) => {
    const kept = byRules(member, key)
    return kept === undefined ? [] : [[key, kept] as const]
  })
  return members.length > 0 ? Object.fromEntries(members) : undefined
}

test.each(FIXTURES.map((make) => [make.name, make] as const))(
  'R16 of the served %s JCS, the rules of A2A and its SDK make the same bytes',
  (_name, make) => {
    for (const faces of [ALL, FACES, { ...ALL, rest: false, streaming: false }]) {
      const document = a2aOf(make('ada-travel'), faces)
      const key = makeCardKey('ES256')
      const signatures = signDocument(document, [{ ...key, jku: `${origin}/agents/ada-travel/.well-known/jwks.json` }])
      const served = JSON.parse(wireOf(document, signatures).toString()) as Record<string, unknown>
      const { signatures: _, ...rest } = served
      const plain = canonical(rest)
      expect(canonical(byRules(rest))).toBe(plain)
      expect(canonicalizeAgentCard(served as unknown as AgentCard)).toBe(plain)
      expect(verifyDocument(served, { keys: [key.publicJwk] })).toMatchObject({ ok: true })
    }
  },
)

test('R16 nothing in either document is empty, null or a default, and each requirement names a scope', () => {
  const walk = (value: unknown, path: string): void => {
    expect(value, path).not.toBe('')
    expect(value, path).not.toBeNull()
    if (typeof value !== 'object' || value === null) return
    expect(Object.keys(value).length, path).toBeGreaterThan(0)
    for (const [name, member] of Object.entries(value)) {
      expect(name === 'required' && member === false, `${path}/${name}`).toBe(false)
      walk(member, `${path}/${name}`)
    }
  }
  for (const make of FIXTURES)
    for (const document of [a2aOf(make('ada')), nativeDocument(contentOf(make('ada')), { number: 1, origin, faces: ALL })])
      walk(JSON.parse(JSON.stringify(document)), '')
  expect(a2aOf(leastCard('ada')).securityRequirements).toEqual([
    { schemes: { bearer: { list: ['threads:start'] } } },
    { schemes: { oauth: { list: ['threads:start'] } } },
  ])
})

test('R83 R84 the A2A card tells of the faces that are served, in their order, and of no other', () => {
  const card = a2aOf(leastCard('ada'))
  expect(card.supportedInterfaces).toEqual([
    { url: `${origin}/agents/ada/a2a/jsonrpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
    { url: `${origin}/agents/ada/a2a/rest`, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0' },
  ])
  expect(card.version).toBe('3')
  expect(card.description).toBe('Books travel.')
  expect(a2aOf(leastCard('ada'), { ...ALL, jsonrpc: false }).supportedInterfaces).toHaveLength(1)
  expect(a2aOf(leastCard('ada'), { ...ALL, jsonrpc: false, rest: false })).not.toHaveProperty('supportedInterfaces')
})

test('R84 what the owner switched off is not in the card, nor an extended card that says nothing', () => {
  const more = { ...leastCard('ada'), extended: { description: 'For those who work with us.' } }
  expect(a2aOf(more).capabilities).toMatchObject({ streaming: true, pushNotifications: true, extendedAgentCard: true })
  expect(a2aOf(leastCard('ada')).capabilities).not.toHaveProperty('extendedAgentCard')
  expect(a2aOf({ ...more, capabilities: { extended_card: false } }).capabilities).not.toHaveProperty('extendedAgentCard')
  for (const document of [a2aOf(more), nativeDocument(contentOf(more), { number: 1, origin, faces: ALL })])
    expect(JSON.stringify(document)).not.toContain('For those')
  expect(a2aOf(wholeCard('ada')).capabilities).not.toHaveProperty('pushNotifications')
  expect(a2aOf({ ...leastCard('ada'), capabilities: { streaming: false } }).capabilities).not.toHaveProperty('streaming')
})

test('R88 the extension names posture, native address and what a sender may rely on', () => {
  const [extension] = (a2aOf(wholeCard('ada')).capabilities as { extensions: { uri: string; params: object }[] }).extensions
  expect(extension?.uri).toBe('urn:countersign:a2a:relay:v1')
  expect(extension).not.toHaveProperty('required')
  expect(extension?.params).toEqual({
    approval: 'message',
    delivery: 'inbox',
    retention_days: 0,
    native_api: `${origin}/api/v1`,
    signature_schemes: ['standard', 'foragent'],
    idempotency: true,
    stream_resume: true,
    encryption: 'optional',
  })
})

test('R17 every address in both documents is of the origin', () => {
  for (const make of FIXTURES)
    for (const document of [a2aOf(make('ada')), nativeDocument(contentOf(make('ada')), { number: 1, origin, faces: ALL })]) {
      const text = JSON.stringify(document)
      expect(text).toContain(origin)
      expect(text.replaceAll(origin, '')).not.toMatch(/relay\.example/)
    }
})
