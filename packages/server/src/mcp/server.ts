// The protocol around the tools: one server for each request and its caller, who sees only the tools that this key may use at this moment. Keeps no
// session, sends nothing by itself, and knows neither prompts nor resources.
import {
  createMcpHandler,
  isLegacyRequest,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type Tool as ToolOnWire,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import * as z from 'zod'
import { tx } from '../db/tx.ts'
import { reachesShared } from '../identity/installation.ts'
import { reach } from '../identity/matrix.ts'
import { type Caller, callTool } from './call.ts'
import type { McpHouse } from './house.ts'
import type { Tool } from './tool.ts'

export type Asking = Omit<Caller, 'progress'>

export type Mcp = {
  /** Answers one message of one caller: JSON, or server-sent events where it asked to hear of progress. `close` once the answer was read. */
  answer(request: Request, message: unknown, caller: Asking): Promise<{ response: Response; close(): Promise<void> }>
}

const INSTRUCTIONS = [
  'Countersign runs the durable work of this organisation. These tools act with the rights of the key that you were given, and no further.',
  'A result with isError holds a problem: `code` says what was refused, `detail` and `errors` why. What is refused must not be done another way.',
  'A call that changes something takes an `idempotency_key`: repeat a call whose answer you lost with the same key, and it acts once.',
].join('\n')

export function openMcp(house: McpHouse): Mcp {
  const wires = new Map<Tool, ToolOnWire>()
  // Made when the tool is first listed: a start has no use for them.
  const wire = (tool: Tool): ToolOnWire => {
    const made = wires.get(tool) ?? wireOf(tool)
    wires.set(tool, made)
    return made
  }
  const byName = new Map(house.tools.map((tool) => [tool.name, tool]))
  if (byName.size < house.tools.length) throw new TypeError('Two tools have the same name.')
  const mayUse = ({ scope }: Asking, tool: Tool) => reach(scope, tool.action) !== 'none'

  const actsOnShared = ({ scope }: Asking) => tx(house.db, scope, (t) => reachesShared(t, scope), { readOnly: true })

  function serverFor(caller: Asking): Server {
    const server = new Server(
      { name: 'countersign', title: 'Countersign', version: house.version },
      { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
    )
    server.setRequestHandler('tools/list', async () => {
      const usable = house.tools.filter((tool) => mayUse(caller, tool))
      const shares = usable.some(({ shared }) => shared) && (await actsOnShared(caller))
      return { tools: usable.filter(({ shared }) => !shared || shares).map(wire) }
    })
    server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
      const tool = byName.get(params.name)
      if (!tool || !mayUse(caller, tool))
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool ${params.name} for this key.`)
      const token = params._meta?.progressToken
      const progress: Caller['progress'] = async (done, total, message) => {
        if (token === undefined) return
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken: token, progress: done, total, message },
        })
      }
      return callTool(house, tool, { ...caller, progress }, params.arguments)
    })
    return server
  }

  const callers = new WeakMap<Request, Asking>()
  const modern = createMcpHandler(
    ({ requestInfo }) => {
      const caller = requestInfo && callers.get(requestInfo)
      if (!caller) throw new TypeError('A message came without its caller.')
      return serverFor(caller)
    },
    { legacy: 'reject', onerror: (error) => house.log.debug({ err: error }, 'a message was not taken') },
  )

  return {
    async answer(request, message, caller) {
      if (await isLegacyRequest(request, message)) {
        const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: !wantsProgress(message) })
        const server = serverFor(caller)
        await server.connect(transport)
        const close = () => server.close()
        try {
          return { response: await transport.handleRequest(request, { parsedBody: message }), close }
        } catch (error) {
          await close()
          throw error
        }
      }
      callers.set(request, caller)
      return { response: await modern.fetch(request, { parsedBody: message }), close: async () => undefined }
    },
  }
}

/** Only then does a call become a stream. */
function wantsProgress(message: unknown): boolean {
  const { params } = message as { params?: { _meta?: { progressToken?: unknown } } }
  return params?._meta?.progressToken !== undefined
}

const wireOf = ({ name, title, description, effect, input, output }: Tool): ToolOnWire => ({
  name,
  title,
  description,
  inputSchema: jsonSchemaOf(input),
  outputSchema: jsonSchemaOf(output),
  annotations: {
    title,
    readOnlyHint: effect === 'reads',
    destructiveHint: effect === 'destroys',
    // With the same idempotency_key, and only then; a reader may be asked again in any case.
    idempotentHint: effect === 'reads',
    openWorldHint: false,
  },
})

type ObjectSchema = ToolOnWire['inputSchema']

/** By itself: validators of clients take `id` of an older draft for a fault. */
function jsonSchemaOf(schema: z.ZodType): ObjectSchema {
  const { $schema: _, $ref, $defs = {}, ...own } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  // A schema with a name of its own stands among the definitions; a tool's has to be an object by itself.
  const whole = $ref === undefined ? own : $defs[$ref.slice('#/$defs/'.length)]
  return withoutIds({ ...whole, ...(Object.keys($defs).length > 0 ? { $defs } : {}) }) as ObjectSchema
}

function withoutIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutIds)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      // A property of the name `id` holds a schema, the keyword a text.
      .filter(([key, member]) => !(key === 'id' && typeof member === 'string'))
      .map(([key, member]) => [key, withoutIds(member)]),
  )
}
