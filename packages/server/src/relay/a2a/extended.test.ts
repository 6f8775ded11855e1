// The extended card over both bindings: who reads it, what it says more, and that its signature holds over the bytes on the wire (relay.md R84, R86).
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { verifyDocument } from '../../crypto/card-signature.ts'
import { RELAY_EXTENSION } from './extension.ts'
import { BINDINGS, message, openAgent, raw, resultOf } from './testing/agent.ts'

const CALL = { method: 'GetExtendedAgentCard' }
const hidden = randomBytes(8).toString('hex')
const EXTENDED = {
  description: `Only for those we work with: ${hidden}.`,
  skills: [{ id: 'inside', name: 'Inside', description: 'Prices inside.', tags: ['sales'] }],
}

for (const binding of BINDINGS)
  test(`R86 who holds a live relay grant reads the whole card, signed, with the limits of that grant: ${binding}`, async () => {
    const agent = await openAgent({ card: { extended: EXTENDED } })
    await agent.house.admin.run`update relay_grants set limits = '{"rate": 7}'::jsonb where id = ${agent.grant.id}`
    const answer = await raw(agent, binding, CALL)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'private, no-store'])
    const card = resultOf(binding, answer)
    expect(card.skills.map(({ id }: { id: string }) => id)).toEqual(['quote', 'draw', 'inside'])
    expect([card.description, card.capabilities.extendedAgentCard]).toEqual([EXTENDED.description, true])
    const [extension] = card.capabilities.extensions
    expect([extension.uri, extension.params.relay_grant]).toMatchObject([
      RELAY_EXTENSION,
      { id: agent.grant.id, limits: { rate: 7 } },
    ])
    const keys = await (await fetch(`${agent.base}.well-known/jwks.json`)).json()
    expect(verifyDocument(card, keys)).toMatchObject({ ok: true })
    expect(verifyDocument({ ...card, description: 'Another.' }, keys)).toMatchObject({ ok: false })
    // What it tells of can be called.
    const sent = await raw(agent, binding, {
      method: 'SendMessage',
      params: {
        message: message(),
        metadata: { [RELAY_EXTENSION]: { skill: 'inside' } },
        configuration: { returnImmediately: true },
      },
    })
    expect(sent.error).toBeNull()
  })

test.each(BINDINGS)(
  'R86 whoever has no relay grant reads what everybody reads, and the card tells nobody more: %s',
  async (binding) => {
    const agent = await openAgent({ card: { extended: EXTENDED } })
    const { house } = agent
    const tenantId = await house.given.tenant('Others')
    const owner = await house.given.user({ role: 'owner', tenantId, displayName: 'Otto' })
    const stranger = await house.given.agent({ owner, name: 'stranger', tenantId, scopes: ['threads:*'] })
    const open = await (await fetch(`${agent.base}.well-known/agent-card.json`)).json()
    expect(resultOf(binding, await raw(agent, binding, { ...CALL, token: stranger.key }))).toEqual(open)
    for (const address of [`${agent.base}.well-known/agent-card.json`, `${house.url}/api/v1/agents/${agent.slug}/card`])
      expect(await (await fetch(address)).text()).not.toContain(hidden)
    expect((await raw(agent, binding, { ...CALL, token: null })).status).toBe(401)
    await house.admin.run`update relay_grants set state = 'revoked' where id = ${agent.grant.id}`
    expect((await raw(agent, binding, CALL)).status).toBe(401)
  },
)

test.each(BINDINGS)('R86 declared without content it is not configured, switched off it is no operation: %s', async (binding) => {
  const declared = await openAgent({ card: { capabilities: { extended_card: true } } })
  const reasonOf = async () => (await raw(declared, binding, CALL)).error?.reason
  expect(await reasonOf()).toBe('EXTENDED_AGENT_CARD_NOT_CONFIGURED')
  const change = async (body: object) => {
    const { headers } = await declared.house.alice.get(`/api/v1/cards/${declared.cardId}`)
    const made = await declared.house.alice.patch(`/api/v1/cards/${declared.cardId}`, body, {
      'If-Match': headers.get('etag') as string,
    })
    expect(made.status, JSON.stringify(made.body)).toBe(200)
  }
  await change({ capabilities: { extended_card: false }, extended: EXTENDED })
  expect(await reasonOf()).toBe('UNSUPPORTED_OPERATION')
  await change({ capabilities: { streaming: true }, extended: null })
  expect(await reasonOf()).toBe('UNSUPPORTED_OPERATION')
})
