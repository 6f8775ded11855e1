// An agent that is an A2A server of its own, made of the official SDK over a plain HTTP server: it buys for whoever asks, and haggles for them with another agent, as whose caller it has
// nothing but a base URL and a relay token. The relay calls it like any other A2A agent; what it says goes back as progress, and the invoice as an artifact.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { AgentCard, CancelTaskRequest, Message, SendMessageRequest, Task } from '@a2a-js/sdk'
import { type Client, ClientFactory, ClientFactoryOptions, JsonRpcTransportFactory } from '@a2a-js/sdk/client'
import {
  AgentEvent,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  type RequestContext,
  ServerCallContext,
} from '@a2a-js/sdk/server'

const { SHOP = 'http://localhost:3001/agents/lamp-shop/', RELAY_TOKEN: token = '', PORT = '4000' } = process.env
const address = `http://127.0.0.1:${PORT}`

const card = AgentCard.fromJSON({
  name: 'Broker',
  description: 'Buys lamps for you, for no more than you say.',
  version: '1',
  supportedInterfaces: [{ url: `${address}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
  capabilities: { streaming: true },
  defaultInputModes: ['application/json'],
  defaultOutputModes: ['application/json', 'text/plain'],
  skills: [{ id: 'buy', name: 'Buy', description: 'Send {"most": n}.', tags: ['shop'] }],
})

/** The other agent, by the official client. */
function connect(): Promise<Client> {
  const fetchImpl: typeof fetch = (url, init) => {
    const headers = new Headers(init?.headers)
    headers.set('Authorization', `Bearer ${token}`)
    return fetch(url, { ...init, headers })
  }
  const transports = [new JsonRpcTransportFactory({ fetchImpl })]
  return new ClientFactory({ ...ClientFactoryOptions.default, transports }).createFromUrl(SHOP)
}

type Wire = {
  id: string
  status: { state: string; message?: { parts: { data?: { ask?: number } }[] } }
  artifacts?: { parts: { data?: unknown }[] }[]
}

/** Answers the invoice, or null where they want more than `most`. `say` tells each step. */
async function haggle(most: number, say: (text: string) => void): Promise<unknown> {
  const client = await connect()
  let offer = Math.round(most / 2)
  for (let taskId: string | undefined; ; ) {
    const message = { messageId: randomUUID(), role: 'ROLE_USER', parts: [{ data: { offer } }], ...(taskId ? { taskId } : {}) }
    const answer = await client.sendMessage(SendMessageRequest.fromJSON({ message }))
    const task = Task.toJSON(answer as Task) as Wire
    if (task.status.state === 'TASK_STATE_COMPLETED') return task.artifacts?.[0]?.parts[0]?.data
    const ask = task.status.message?.parts[0]?.data?.ask
    if (task.status.state !== 'TASK_STATE_INPUT_REQUIRED' || ask === undefined)
      throw new Error(`The shop says ${task.status.state}.`)
    say(`offered ${offer}, they ask ${ask}`)
    taskId = task.id
    if (offer === most) {
      await client.cancelTask(CancelTaskRequest.fromJSON({ id: taskId }))
      return null
    }
    offer = Math.min(ask, most)
  }
}

const executor = {
  async execute({ taskId, contextId, userMessage }: RequestContext, bus: ExecutionEventBus) {
    const at = { taskId, contextId }
    const status = (state: string, text?: string) =>
      Task.fromJSON({
        status: {
          state,
          timestamp: new Date().toISOString(),
          ...(text === undefined ? {} : { message: { messageId: randomUUID(), ...at, role: 'ROLE_AGENT', parts: [{ text }] } }),
        },
      }).status
    const say = (state: string, text: string) =>
      bus.publish(AgentEvent.statusUpdate({ ...at, status: status(state, text), metadata: undefined }))
    bus.publish(
      AgentEvent.task({
        ...Task.fromJSON({ id: taskId, contextId }),
        status: status('TASK_STATE_WORKING'),
        history: [userMessage],
      }),
    )
    try {
      const { most } = ((Message.toJSON(userMessage) as { parts: { data?: { most?: number } }[] }).parts[0]?.data ?? {}) as {
        most?: number
      }
      if (typeof most !== 'number' || !(most > 0))
        return say('TASK_STATE_REJECTED', 'Say what you would pay at most: {"most": 80}.')
      const invoice = await haggle(most, (text) => {
        console.log(text)
        say('TASK_STATE_WORKING', text)
      })
      if (invoice === null) return say('TASK_STATE_REJECTED', `Not for ${most}.`)
      const made = { artifacts: [{ artifactId: 'invoice', name: 'Invoice', parts: [{ data: invoice }] }] }
      const [artifact] = Task.fromJSON(made).artifacts
      bus.publish(AgentEvent.artifactUpdate({ ...at, artifact, append: false, lastChunk: true, metadata: undefined }))
      say('TASK_STATE_COMPLETED', 'Bought.')
    } catch (error) {
      say('TASK_STATE_FAILED', error instanceof Error ? error.message : 'It failed.')
    } finally {
      bus.finished()
    }
  },
  async cancelTask(_taskId: string, bus: ExecutionEventBus) {
    bus.finished()
  },
}

const handler = new JsonRpcTransportHandler(new DefaultRequestHandler(card, new InMemoryTaskStore(), executor))

const server = createServer(async (request, response) => {
  if (request.url === '/.well-known/agent-card.json') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(AgentCard.toJSON(card)))
    return
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const version = String(request.headers['a2a-version'] ?? '1.0')
  const answer = await handler.handle(
    JSON.parse(Buffer.concat(chunks).toString()),
    new ServerCallContext({ requestedVersion: version }),
  )
  if (!(Symbol.asyncIterator in answer)) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for await (const one of answer) response.write(`data: ${JSON.stringify(one)}\n\n`)
  response.end()
})
server.listen(Number(PORT), '127.0.0.1', () => console.log(`serving ${address}/.well-known/agent-card.json`))
process.once('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
