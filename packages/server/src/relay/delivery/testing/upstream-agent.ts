// An A2A agent elsewhere, made of the SDK's own server over a plain HTTP server on this machine, and the faults that a network can add to it. For tests.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AgentCard, type Message, Message as MessageCodec, type Task, Task as TaskCodec } from '@a2a-js/sdk'
import {
  AgentEvent,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  type RequestContext,
  ServerCallContext,
} from '@a2a-js/sdk/server'
import { onTestFinished } from 'vitest'
import type { CardKeyPair } from '../../../crypto/card-signature.ts'
import { signDocument } from '../../../crypto/card-signature.ts'

/** What the agent does with a message, in the words of `say`. */
export type Execute = (context: RequestContext, say: Say) => Promise<void> | void
export type Say = {
  task(state: string, history?: Message[]): void
  status(state: string, text?: string): void
  artifact(id: string, texts: string[], how?: { append?: boolean; lastChunk?: boolean }): void
  message(text: string): void
  done(): void
}

export type UpstreamAgent = {
  origin: string
  port: number
  cardUrl: string
  execute: Execute
  /** Every message that was carried out, by its id. */
  ran: string[]
  calls: { method: string; headers: IncomingHttpHeaders; params: Record<string, unknown> }[]
  /** Before a call is answered; true: it was answered here. `ran` says whether the agent has had it by then. */
  before: ((method: string, request: IncomingMessage, response: ServerResponse) => boolean) | null
  /** After the agent has carried out a call, in place of its answer. */
  instead: ((method: string, response: ServerResponse) => boolean) | null
  streaming: boolean
  key: CardKeyPair | null
  /** Signs beside it, as during a rotation. */
  also: CardKeyPair | null
  /** Where its signatures say that their keys are; its own key set unless said. */
  jku: string | null
  /** What the card says beside or in place of what it says by itself, before it is signed, and after. */
  said: Record<string, unknown>
  forged: Record<string, unknown>
  /** Of its key set. */
  keySetStatus: number
  /** What was fetched with GET. */
  fetched: string[]
  cardStatus: number
  canceled: string[]
}

export async function openUpstreamAgent(own: { streaming?: boolean } = {}): Promise<UpstreamAgent> {
  const agent: UpstreamAgent = {
    ...{ origin: '', port: 0, cardUrl: '', ran: [], calls: [], before: null, instead: null, key: null, cardStatus: 200 },
    ...{ also: null, jku: null, said: {}, forged: {}, keySetStatus: 200, fetched: [] },
    ...{ streaming: own.streaming ?? true, canceled: [] },
    execute: (_context, say) => {
      say.task('TASK_STATE_WORKING')
      say.status('TASK_STATE_COMPLETED', 'done')
    },
  }
  const card = () => ({
    name: 'Elsewhere',
    description: 'Answers.',
    version: '1',
    supportedInterfaces: [{ url: `${agent.origin}/rpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    capabilities: { streaming: agent.streaming },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [{ id: 'any', name: 'Any', description: 'Anything.', tags: ['test'] }],
  })
  const store = new InMemoryTaskStore()
  const executor = {
    async execute(context: RequestContext, bus: ExecutionEventBus) {
      agent.ran.push(context.userMessage.messageId)
      await agent.execute(context, sayTo(context, bus))
    },
    async cancelTask(taskId: string, bus: ExecutionEventBus) {
      agent.canceled.push(taskId)
      bus.publish(AgentEvent.statusUpdate(statusOf({ taskId, contextId: '' }, 'TASK_STATE_CANCELED')))
      bus.finished()
    },
  }
  const handler = new JsonRpcTransportHandler(new DefaultRequestHandler(AgentCard.fromJSON(card()), store, executor))

  async function rpc(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString())
    agent.calls.push({ method: body.method, headers: request.headers, params: body.params })
    if (agent.before?.(body.method, request, response)) return
    const answer = await handler.handle(body, new ServerCallContext({ requestedVersion: '1.0' } as never))
    if (Symbol.asyncIterator in answer) {
      const stream = answer[Symbol.asyncIterator]()
      const first = await stream.next()
      // Whoever leaves stops nothing: the agent goes on with its work.
      const isCut = agent.instead?.(body.method, response) === true
      if (!isCut) response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      for (let one = first; !one.done; one = await stream.next())
        if (!isCut) response.write(`data: ${JSON.stringify(one.value)}\n\n`)
      response.end()
      return
    }
    if (agent.instead?.(body.method, response)) return
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer))
  }

  const server = createServer((request, response) => {
    if (request.method === 'GET') agent.fetched.push(request.url ?? '')
    if (request.url === '/card.json') {
      const document = { ...card(), ...agent.said }
      const signers = [agent.key, agent.also].flatMap((key) =>
        key ? [{ ...key, jku: agent.jku ?? `${agent.origin}/jwks.json` }] : [],
      )
      const signatures = signers.length > 0 ? { signatures: signDocument(document, signers) } : {}
      const signed = { ...document, ...signatures, ...agent.forged }
      response.writeHead(agent.cardStatus, { 'Content-Type': 'application/json' }).end(JSON.stringify(signed))
    } else if (request.url === '/jwks.json')
      response
        .writeHead(agent.keySetStatus, { 'Content-Type': 'application/json' })
        .end(JSON.stringify({ keys: [agent.key, agent.also].flatMap((key) => (key ? [key.publicJwk] : [])) }))
    else rpc(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => void server.close(() => resolve()))
  })
  agent.port = (server.address() as AddressInfo).port
  agent.origin = `http://127.0.0.1:${agent.port}`
  agent.cardUrl = `${agent.origin}/card.json`
  return agent
}

type At = { taskId: string; contextId: string }

function sayTo(context: RequestContext, bus: ExecutionEventBus): Say {
  return {
    task: (state, history = [context.userMessage]) => bus.publish(AgentEvent.task(taskOf(context, state, history))),
    status: (state, text) => {
      bus.publish(AgentEvent.statusUpdate(statusOf(context, state, text)))
      if (/COMPLETED|FAILED|REJECTED|CANCELED|INPUT_REQUIRED/.test(state)) bus.finished()
    },
    artifact: (id, texts, { append = false, lastChunk = true } = {}) => {
      const artifact = TaskCodec.fromJSON({ artifacts: [{ artifactId: id, name: id, parts: texts.map((text) => ({ text })) }] })
        .artifacts[0]
      const { taskId, contextId } = context
      bus.publish(AgentEvent.artifactUpdate({ taskId, contextId, artifact, append, lastChunk, metadata: undefined }))
    },
    message: (text) => {
      bus.publish(AgentEvent.message(spoken(context, text)))
      bus.finished()
    },
    done: () => bus.finished(),
  }
}

const spoken = ({ contextId }: At, text: string, taskId = ''): Message =>
  MessageCodec.fromJSON({ messageId: randomUUID(), contextId, taskId, role: 'ROLE_AGENT', parts: [{ text }] })

const taskOf = ({ taskId, contextId }: At, state: string, history: Message[]): Task => ({
  ...TaskCodec.fromJSON({ id: taskId, contextId, status: { state, timestamp: new Date().toISOString() } }),
  history,
})

function statusOf({ taskId, contextId }: At, state: string, text?: string) {
  const { status } = TaskCodec.fromJSON({ status: { state, timestamp: new Date().toISOString() } })
  const message = text === undefined ? undefined : spoken({ taskId, contextId }, text, taskId)
  return { taskId, contextId, status: status && { ...status, message }, metadata: undefined }
}
