// A server with its sandbox, and somebody who tries it. For tests.
import { type AgentCaller, type Client, clientOf, type House, type SetupOptions, setup } from '#harness'
import { type Loose, relayAgent } from '../../testing/relay.ts'

export type Sandbox = {
  house: House
  /** What the route answered. */
  tried: Loose
  token: string
  /** The agent in whose name it is tried. */
  visitor: AgentCaller
  /** With the relay token. */
  caller: Client
  /** Starts a thread, and answers what came of it within the window. */
  say(text: string, more?: object): Promise<Loose>
  /** As an agent's key of the same person reads it. */
  thread(id: string): Promise<Loose>
  messages(id: string): Promise<Loose[]>
  events(id: string): Promise<Loose[]>
}

export async function openSandbox(options: SetupOptions = {}): Promise<Sandbox> {
  const { settings, ...rest } = options
  const house = await setup({ sandbox: true, ...rest, settings: { ROLES: 'web,relay,worker', ...settings } })
  const visitor = await relayAgent(house, house.alice, 'visitor')
  const made = await house.alice.post('/api/v1/relay/sandbox', { from_agent_id: visitor.id })
  if (made.status !== 201) throw new Error(`${made.status} ${JSON.stringify(made.body)}`)
  const caller = clientOf(house.url, { bearer: made.body.relay_token })
  const read = async (path: string) => (await visitor.get(`/api/v1/threads/${path}`)).body
  return {
    ...{ house, visitor, tried: made.body, token: made.body.relay_token, caller },
    say: async (text, more = {}) => {
      const answer = await caller.post('/api/v1/agents/sandbox/threads', { text, sync: { wait_ms: 10_000 }, ...more })
      if (answer.status !== 200 && answer.status !== 202) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body
    },
    thread: (id) => read(id),
    messages: async (id) => (await read(`${id}/messages`)).data,
    events: async (id) => (await read(`${id}/events?limit=200`)).data,
  }
}
