// The peer: an echo agent made of the official SDK's own server over a plain HTTP server of this process. It is also what stands behind the relay, as an A2A server and as the
// address of a push agent, so that both ways end at the same code.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AgentCard, Message } from '@a2a-js/sdk'
import {
  AgentEvent,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  type RequestContext,
  ServerCallContext,
} from '@a2a-js/sdk/server'

export type Echo = {
  port: number
  origin: string
  /** How long it works on a message. */
  workMs: number
  /** Called with each message that is posted to it, when its whole body is there. */
  posted: ((messageId: string) => void) | null
  close(): void
}

export async function openEcho(): Promise<Echo> {
  const echo: Echo = { port: 0, origin: '', workMs: 0, posted: null, close: () => undefined }
  const card = () => ({
    ...{ name: 'Echo', description: 'Says it again.', version: '1', capabilities: { streaming: false } },
    supportedInterfaces: [{ url: `${echo.origin}/rpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    ...{ defaultInputModes: ['text/plain'], defaultOutputModes: ['text/plain'] },
    skills: [{ id: 'echo', name: 'Echo', description: 'Says it again.', tags: ['bench'] }],
  })
  const executor = {
    async execute({ contextId, userMessage }: RequestContext, bus: ExecutionEventBus) {
      if (echo.workMs > 0) await new Promise((resolve) => setTimeout(resolve, echo.workMs))
      const said = { messageId: crypto.randomUUID(), contextId, role: 'ROLE_AGENT', parts: [] }
      bus.publish(AgentEvent.message({ ...Message.fromJSON(said), parts: userMessage.parts }))
      bus.finished()
    },
    cancelTask: async () => undefined,
  }
  const handler = new JsonRpcTransportHandler(
    new DefaultRequestHandler(AgentCard.fromJSON(card()), new InMemoryTaskStore(), executor),
  )
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (body: unknown, status = 200) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body === null ? undefined : JSON.stringify(body))
    if (request.url?.endsWith('card.json')) return void send(card())
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString())
    if (request.url === '/push') {
      echo.posted?.(body.data?.message?.id)
      return void response.writeHead(204).end()
    }
    send(await handler.handle(body, new ServerCallContext({ requestedVersion: '1.0' } as never)))
  }
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  echo.port = (server.address() as AddressInfo).port
  echo.origin = `http://127.0.0.1:${echo.port}`
  echo.close = () => {
    server.closeAllConnections()
    server.close()
  }
  return echo
}
