// The doors of agents that register themselves and of the people who claim them. Each reads, calls one verb and answers.
import { type Route, route, s } from '../../http/route.ts'
import type { IdentityHouse } from '../house.ts'
import { Agent, Environment, LinkToken, PublicKeyText } from '../shapes.ts'
import { claimAgent, readRegistration, registerAgent, rejectAgent } from './registration.ts'

const tag = 'Agents'
const params = { id: s.id('agt') }
const Words = s.array(s.text()).describe('Six words for the first 96 bits of the thumbprint, for people to compare.')

const Registered = s.named(
  'RegisteredAgent',
  s.object({
    agent_id: s.id('agt'),
    state: s.literal('unclaimed'),
    key_id: s.text().describe('The thumbprint of the key (RFC 7638): what stands behind `DPoP` in the Authorization header.'),
    words: Words,
    claim_url: s.text().describe('For the person who is to answer for it: once, for ten minutes.'),
    claim_expires_at: s.time(),
  }),
)

const Registration = s.named(
  'AgentRegistration',
  s.object({
    agent_id: s.id('agt'),
    handle: s.text(),
    environment: Environment,
    thumbprint: s.text(),
    words: Words,
    did: s.maybe(s.text()),
    address: s.maybe(s.text()).describe('From where it registered.'),
    registered_at: s.time(),
    proven: s.boolean().describe('It has shown that it holds the private key.'),
    expires_at: s.time(),
  }),
)

export const proofRoutes = (house: IdentityHouse): Route[] => [
  route(
    'POST /agents/register',
    {
      summary: 'Register yourself as an agent, by your public key',
      description:
        'The agent has no right until a person claims it by the link in the answer. With a proof in the header `DPoP` nobody but the holder of the key hears of the link again.',
      tag,
      auth: 'none',
      bucket: 'register.address',
      idempotency: 'none',
      maxBody: 8_192,
      body: s.object({ public_key: PublicKeyText, handle: s.line({ max: 100 }), environment: s.optional(Environment) }),
      answers: { 201: Registered },
      problems: ['key_in_use', 'proof_invalid'],
    },
    ({ body, request }) => registerAgent(house, body, request),
  ),
  route(
    'POST /agents/:id/registration',
    {
      summary: 'Read who wants to be claimed',
      tag,
      auth: 'any',
      action: 'agent.create',
      params,
      idempotency: 'none',
      body: s.object({ token: LinkToken }),
      answers: { 200: Registration },
      problems: ['claim_expired'],
    },
    ({ scope, params, body }) => readRegistration(house, scope, params.id, body.token),
  ),
  route(
    'POST /agents/:id/claim',
    {
      summary: 'Claim an agent that registered itself',
      tag,
      auth: 'any',
      action: 'agent.create',
      params,
      body: s.object({ token: LinkToken, owner: s.optional(s.id('usr')) }),
      answers: { 200: Agent },
      problems: ['claim_expired', 'key_in_use', 'scope_too_wide'],
    },
    ({ scope, params, body }) => claimAgent(house, scope, params.id, body),
  ),
  route(
    'POST /agents/:id/reject',
    {
      summary: 'Reject an agent that registered itself',
      tag,
      auth: 'any',
      action: 'agent.create',
      params,
      body: s.object({ token: LinkToken }),
      answers: { 200: s.object({ agent_id: s.id('agt'), state: s.literal('rejected') }) },
      problems: ['claim_expired'],
    },
    ({ scope, params, body }) => rejectAgent(house, scope, params.id, body.token),
  ),
]
