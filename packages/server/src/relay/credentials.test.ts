// Each credential kind on each route of the relay (relay.md §3, R114, §12.6): exactly the kinds of the table pass, and a valid one of another kind is told so.
import { expect, test } from 'vitest'
import type { Client } from '#harness'
import { openRelay } from './testing/relay.ts'

// S: session, K: key of an agent, R: relay token, T: thread token of either side; –: nobody has to be anybody.
type Kind = 'S' | 'K' | 'R' | 'T' | '–'
const TABLE: [route: string, kinds: string][] = [
  ['GET /agents/:slug/card', '– S K R T'],
  ['GET /agents/:slug', 'S K'],
  ['GET /listing', '– S K'],
  ['GET /contacts', 'S K'],
  ['GET /cards', 'S K'],
  ['POST /cards', 'S K'],
  ['GET /cards/:card', 'S K'],
  ['PATCH /cards/:card', 'S K'],
  ['GET /cards/:card/versions', 'S K'],
  ['GET /cards/:card/versions/1', 'S K'],
  ['POST /cards/:card/versions/1/restore', 'S K'],
  ['PUT /cards/:card/delivery', 'S K'],
  ['POST /cards/:card/pause', 'S K'],
  ['POST /cards/:card/resume', 'S K'],
  ['POST /cards/:card/listing', 'S K'],
  ['POST /cards/:card/review', 'S'],
  ['POST /relay/keys/rotate', 'S'],
  ['POST /agents/:slug/connection-requests', 'S K'],
  ['GET /connection-requests', 'S K'],
  ['GET /connection-requests/:request', 'S K'],
  ['POST /connection-requests/:request/approve', 'S'],
  ['POST /connection-requests/:request/deny', 'S'],
  ['POST /connection-requests/:request/withdraw', 'S K'],
  ['POST /connection-requests/:request/collect', 'S K'],
  ['POST /relay-grants', 'S'],
  ['GET /relay-grants', 'S K'],
  ['GET /relay-grants/:grant', 'S K'],
  ['PATCH /relay-grants/:grant', 'S'],
  ['POST /relay-grants/:grant/rotate', 'S K'],
  ['POST /relay-grants/:grant/revoke', 'S K'],
  ['POST /relay-tokens/introspect', 'S K R'],
  ['POST /relay-tokens/rotate', 'S K R'],
  ['POST /relay-tokens/revoke', 'S K R'],
  ['GET /blocks', 'S'],
  ['POST /blocks', 'S'],
  ['POST /agents/:slug/threads', 'K R'],
  ['POST /agents/:slug/invoke', 'K R'],
  ['POST /threads/:thread/messages', 'K R'],
  ['POST /threads/:thread/messages/:message/withdraw', 'K R'],
  ['POST /threads/:thread/access-tokens', 'S K T'],
  ['GET /threads', 'S K'],
  ['GET /threads/:thread', 'K T'],
  ['GET /threads/:thread/messages', 'K T'],
  ['GET /threads/:thread/artifacts', 'K T'],
  ['GET /threads/:thread/messages/:message', 'K T'],
  ['GET /threads/:thread/events', 'K T'],
  ['POST /threads/:thread/responses', 'K T'],
  ['POST /threads/:thread/close', 'K T'],
  ['POST /agents/:slug/inbox/claim', 'K'],
  ['POST /agents/:slug/inbox/settle', 'K'],
  ['GET /agents/:slug/inbox', 'S K'],
]

test('R114 §12.6 exactly the kinds of the table pass; a valid credential of another kind is wrong_token_kind', {
  timeout: 120_000,
}, async () => {
  const relay = await openRelay()
  const { house, card, grant, caller, bearer, server } = relay
  const started = (await relay.start({ text: 'hello', want_thread_token: true })).body
  const minted = await server.post(`/api/v1/threads/${started.thread_id}/access-tokens`, {})
  const other = await relay.makeCard()
  const asked = await caller.post(`/api/v1/agents/${other.slug}/connection-requests`, { purpose: 'to ask' })
  expect(asked.status).toBe(201)
  const names: Record<string, string> = {
    ...{ ':slug': card.slug, ':card': card.id, ':grant': grant.id, ':thread': started.thread_id },
    ...{ ':message': started.message_id, ':request': asked.body.id },
  }
  const credentials: [Kind, string, Client][] = [
    ['–', 'nobody', house.nobody],
    ['S', 'a session', house.alice],
    ['K', 'the caller’s key', caller],
    ['K', 'the owner’s key', server],
    ['R', 'a relay token', bearer(grant.token) as Client],
    ['T', 'a thread token of the caller', bearer(started.thread_access_token) as Client],
    ['T', 'a thread token of the owner', bearer(minted.body.thread_access_token) as Client],
  ]
  // What may change anything comes last and with a body that no route takes, so that each row finds the same things there.
  const body = JSON.stringify({ 'no-such-member': 1 })
  const wrong: string[] = []
  for (const [route, kinds] of TABLE) {
    const [method = '', pattern = ''] = route.split(' ')
    const path = pattern.replace(/:[a-z]+/g, (name) => names[name] as string)
    for (const [kind, name, client] of credentials) {
      const answer = await client.raw(`/api/v1${path}`, { method, ...(method === 'GET' ? {} : { body }) })
      const code = answer.status === 401 ? ((await answer.json()) as { code: string }).code : 'passed'
      await answer.body?.cancel().catch(() => undefined)
      const expected = kinds.split(' ').includes(kind) ? 'passed' : kind === '–' ? 'unauthenticated' : 'wrong_token_kind'
      // A person's own act: a key is told that it is for the signed-in, as everywhere in the product.
      if (kind === 'K' && expected === 'wrong_token_kind' && answer.status === 403) continue
      if (code !== expected) wrong.push(`${route} by ${name}: ${code}, not ${expected} (${answer.status})`)
    }
  }
  expect(wrong).toEqual([])
})
