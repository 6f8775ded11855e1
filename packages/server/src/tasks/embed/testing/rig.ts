// A visitor of an embedded page: whoever has the token answers the one task behind it, over the routes that the page calls. Nobody is told there.
import { expect } from 'vitest'
import { type Answer, type Client, clientOf, setup } from '#harness'
import type { Message, Rig, Said } from '../../channels/testing/conformance.ts'

const ORIGIN = 'https://app.example.com'
const VISITOR = 'visitor-7'

type Page = { token: string; task: string; revision: number }

/** The conformance suite's way to an embedded page. */
export async function conformingRig(): Promise<Rig> {
  const house = await setup({ settings: { EGRESS_ALLOW: '127.0.0.1:9' } })
  expect((await house.alice.post('/api/v1/embed/origins', { origin: ORIGIN })).status).toBe(201)
  const at = (token: string): Client => clientOf(house.url, { bearer: token })
  const decide = (page: Page, response: object) =>
    at(page.token).post(`/api/v1/tasks/${page.task}/decide`, { type: 'respond', response, seen_revision: page.revision })
  const read = async (task: string): Promise<Message> => {
    const minted = await house.agent.post('/api/v1/embed/tokens', { task_id: task, parent_origin: ORIGIN, sub: VISITOR })
    expect(minted.status, JSON.stringify(minted.body)).toBe(200)
    const token = minted.body.embed_token
    const { body } = await at(token).get(`/api/v1/tasks/${task}`)
    return { text: JSON.stringify(body), ref: { token, task, revision: body.revision } satisfies Page }
  }
  return {
    channel: 'embed',
    house,
    entry: null,
    person: { userId: null, email: null, displayName: VISITOR },
    // As its agent opens a page for each of its questions, with what is there now.
    async messages() {
      const { data } = (await house.agent.get('/api/v1/tasks?sort=created')).body
      return Promise.all(data.map(({ id }: { id: string }) => read(id)))
    },
    answer: async ({ ref }, response) => saidOf(await decide(ref as Page, response)),
    open:
      async ({ ref }) =>
      async (response) =>
        saidOf(await decide(ref as Page, response)),
    async forge({ ref }, response) {
      const page = ref as Page
      const altered = `${page.token.slice(0, -1)}${page.token.endsWith('A') ? 'B' : 'A'}`
      return (await decide({ ...page, token: altered }, response)).status
    },
    shows: async ({ ref }) => JSON.stringify((await at((ref as Page).token).get(`/api/v1/tasks/${(ref as Page).task}`)).body),
    reachable: '127.0.0.1:9',
    provider: { mode: () => undefined },
    close: async () => undefined,
  }
}

function saidOf({ status, body }: Answer): Said {
  if (status === 200) return { taken: true }
  const errors = (body.errors ?? []) as { path: string; message: string }[]
  const fields = Object.fromEntries(errors.map(({ path, message }) => [path.replace('/response/', ''), message]))
  return { taken: false, code: body.code, fields, by: body.by ?? null }
}
