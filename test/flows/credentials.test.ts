// Nobody gets in without a credential, and an agent that has to prove itself proves every call: each route of the OpenAPI document, as it is served, called with nothing and with
// a bare key. It knows by name only what is open, so that a new open route has to be written down here.
import { expect, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { newId } from '../../packages/server/src/std/id.ts'

type Operation = { security?: unknown[]; parameters?: { in: string; name: string; schema?: { pattern?: string } }[] }
type Document = { paths: Record<string, Record<string, Operation>> }
type Call = { head: string; method: string; path: string; nobodys: string; isOpen: boolean }

/** What opens by its own means, or is for everybody (vault.md V133): health and public documents, the ways in, and what carries its own signature, link or cookie. */
const OPEN = [
  ...['GET /livez', 'GET /readyz', 'GET /health', 'GET /status', 'GET /status.json', 'GET /status.css', 'GET /status/feed.atom'],
  ...['GET /.well-known/security.txt', 'GET /.well-known/oauth-client/{provider}', 'GET /task', 'GET /embed'],
  ...['audit-keys.json', 'receipt-keys.json', 'webhook-keys/{file}'].map((file) => `GET /.well-known/countersign/${file}`),
  ...['GET /setup/status', 'POST /setup/operator', 'POST /auth/login', 'POST /invitations/accept', 'POST /agents/register'],
  // A command that asks to be signed in has nothing yet; what it fetches the answer with is in the body.
  ...['POST /cli/sign-ins', 'POST /cli/sign-ins/fetch'],
  ...['POST /connect/{id}/open', 'POST /connect/{id}/submit', 'POST /connect/return'],
  ...['POST /channels/email/action', 'POST /channels/email/inbound/{identity}', 'POST /channels/webhook/actions'],
  ...['interactions', 'events', 'options'].map((what) => `POST /channels/slack/${what}`),
  'GET /channels/slack/oauth/callback',
  ...['complete', 'fail', 'heartbeat'].map((what) => `POST /callbacks/{id}/${what}`),
  // What the relay tells everybody of an agent whose card is public.
  ...['GET /.well-known/oauth-protected-resource/agents/{slug}/', 'GET /.well-known/countersign/relay-keys.json'],
  ...['agent-card.json', 'jwks.json'].map((file) => `GET /agents/{slug}/.well-known/${file}`),
  ...['GET /agents/{slug}', 'GET /agents/{slug}/card', 'GET /agents/{slug}/health', 'GET /handles/{handle}', 'GET /listing'],
  // Clients of OAuth show their key in its own form (RFC 6749 §2.3), and are refused in its words.
  ...['GET /.well-known/oauth-authorization-server', 'POST /oauth/token'],
  // What builders begin with, and the pages that clients of ForAgent know (R54, R56).
  ...['relay-contract', 'manifest', 'foragent-relay-contract', 'foragent-openapi'].map((name) => `GET /starter/${name}.json`),
  ...['create', 'recover', 'docs', 'security'].map((page) => `GET /${page}`),
]

const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** Every call of the document, once with an id that somebody has wherever one may stand, and once with ids that nobody has. */
async function callsOf(house: House): Promise<Call[]> {
  const { paths } = (await house.nobody.get('/openapi.json')).body as Document
  const task = await house.given.task()
  const known: Record<string, string> = { agt: house.agent.id, key: house.agent.keyId, usr: house.alice.id, task: task.id }
  return Object.entries(paths).flatMap(([pattern, operations]) =>
    METHODS.filter((method) => operations[method]).map((method) => {
      const { parameters = [], security } = operations[method] as Operation
      const filled = (idOf: (prefix: string) => string) =>
        pattern.replace(/\{([^}]+)\}/g, (_, name: string) => {
          const schema = parameters.find((one) => one.in === 'path' && one.name === name)?.schema
          const [, prefix] = /\(\?:([a-z]+)/.exec(schema?.pattern ?? '') ?? []
          return prefix ? idOf(prefix) : 'alpha'
        })
      return {
        head: `${method.toUpperCase()} ${pattern.replace(/^\/api\/v1(?=\/)/, '')}`,
        method: method.toUpperCase(),
        path: filled((prefix) => known[prefix] ?? newId(prefix as 'task')),
        nobodys: filled((prefix) => newId(prefix as 'task')),
        isOpen: Array.isArray(security) && security.length === 0,
      }
    }),
  )
}

async function said(at: Client, { method }: Call, path: string, headers: Record<string, string> = {}) {
  const answer = await at.raw(path, { method, body: method === 'GET' ? null : '{}', headers })
  // The compatible surface says the same once more, in the words of its own clients.
  const { request_id: _id, error: _error, message: _message, docs: _docs, ...body } = JSON.parse(await answer.text())
  return { status: answer.status, body, challenge: answer.headers.get('www-authenticate') }
}

test('V133 §12.1 every route of the document answers the same 401 to whoever shows nothing, but for those that are open by name', {
  timeout: 120_000,
}, async () => {
  const house = await setup()
  const calls = await callsOf(house)
  const [first] = calls.filter((one) => !one.isOpen)
  const expected = await said(house.nobody, first as Call, (first as Call).path)
  expect(expected).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })

  expect(
    calls
      .filter(({ isOpen }) => isOpen)
      .map(({ head }) => head)
      .filter((head) => !OPEN.includes(head)),
  ).toEqual([])
  for (const call of calls.filter(({ head }) => !OPEN.includes(head))) {
    expect([call.head, await said(house.nobody, call, call.path)]).toEqual([call.head, expected])
    // Whether the name exists makes no difference.
    if (call.nobodys !== call.path)
      expect([call.head, await said(house.nobody, call, call.nobodys)]).toEqual([call.head, expected])
  }
})

test('V133 V134 an agent of proof: required proves every call: a bare key opens nothing that a key opens', {
  timeout: 120_000,
}, async () => {
  const house = await setup()
  const closed = (await callsOf(house)).filter(({ head }) => !OPEN.includes(head))
  await house.alice.patch(`/api/v1/agents/${house.agent.id}`, { proof: 'required' })
  for (const [i, call] of closed.entries()) {
    // Thirty a minute are told why.
    if (i % 25 === 24) await house.clock.advance('61s')
    const { status, body } = await said(house.agent, call, call.path)
    expect([call.head, status, body.code, body.reason]).toEqual([call.head, 401, 'proof_invalid', 'required'])
  }
})
