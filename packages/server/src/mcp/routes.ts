// The one route of this room: a message of the Model Context Protocol in, its answer out, as JSON, or as events where the client asked to hear of progress.
// Streamable HTTP without a session: GET and DELETE are 405, and a batch, which would pass the limits as one call, is refused.
import { Problem } from '@countersign/sdk'
import { type Rendered, type Route, route, s } from '../http/route.ts'
import type { McpHouse } from './house.ts'
import { openMcp } from './server.ts'

const KEPT = ['mcp-protocol-version', 'accept', 'mcp-method', 'mcp-name']

export function mcpRoutes(house: McpHouse): Route[] {
  const mcp = openMcp(house)
  return [
    route(
      'POST /mcp',
      {
        summary: 'Call a tool over the Model Context Protocol',
        description:
          'Streamable HTTP, stateless: one JSON-RPC message a call. The tools that a key may use are those whose actions its scopes and its maker’s role reach. docs/mcp.md has the tools and how clients are set up.',
        tag: 'mcp',
        auth: 'key',
        self: true,
        mixed: true,
        cost: 1,
        idempotency: 'none',
        body: s.json(),
        answers: { 200: s.json(), 202: null, 400: s.json() },
        problems: ['csrf_refused'],
        render: (result) => result as Rendered,
      },
      async ({ scope, body, request, limits, signal, stream }) => {
        refuseOrigin(house, request.header('origin'))
        if (Array.isArray(body)) return refused(-32600, 'One message a call: batches are not taken.')
        if (isObject(body) && body.method === 'subscriptions/listen')
          return refused(-32601, 'This server has nothing to subscribe to.', body.id)
        const headers = new Headers({ 'Content-Type': 'application/json' })
        for (const name of KEPT) {
          const value = request.header(name)
          if (value !== undefined) headers.set(name, value)
        }
        const asked = new Request(new URL('/mcp', house.origin()), { method: 'POST', headers, body: '{}' })
        const { response, close } = await mcp.answer(asked, body, { scope, limits, signal, requestId: request.id })
        try {
          if (!isEvents(response)) return await rendered(response)
          return await stream(async (out) => {
            for await (const message of messagesOf(response)) await out.send({ event: 'message', data: message })
          })
        } finally {
          await close()
        }
      },
    ),
  ]
}

/** The protocol asks for it: a page in a browser calls only from where the API may be called from. Who sends no origin is no page. */
function refuseOrigin({ origin, origins }: McpHouse, given: string | undefined): void {
  if (given === undefined || given === origin() || origins === '*' || origins.has(given)) return
  throw new Problem('csrf_refused')
}

const isEvents = (answer: Response) => answer.headers.get('content-type')?.startsWith('text/event-stream') === true

/** The messages of a stream that the protocol's own library wrote: one `data` line each. */
async function* messagesOf({ body }: Response): AsyncGenerator<unknown> {
  if (!body) return
  let text = ''
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const frames = `${text}${chunk}`.split(/\r?\n\r?\n/)
    text = frames.pop() as string
    for (const frame of frames) {
      const data = /^data: ?(.+)$/m.exec(frame)?.[1]
      if (data !== undefined) yield JSON.parse(data) as unknown
    }
  }
}

async function rendered(answer: Response): Promise<Rendered> {
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
}

const refused = (code: number, message: string, id: unknown = null): Rendered => ({
  status: 400,
  body: { jsonrpc: '2.0', id: typeof id === 'string' || typeof id === 'number' ? id : null, error: { code, message } },
})

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
