// A request to an MCP server as the data path needs to know it (V99): its session's id, and which lists of tools are to be narrowed, by the judgement of a call of each
// tool without arguments. A session that another run received is not this one's.
import { carries } from '../decide/choose.ts'
import type { Judged } from '../decide/judge.ts'
import { listsIn, readRpc } from '../decide/tools.ts'
import type { AskedRequest, McpLists, McpPassage, OpenRun } from '../gatekeeper.ts'
import { SESSION, sessionBinding } from '../mcp/session.ts'

type Allowed = Extract<Judged, { outcome: 'allow' | 'ask' }>
/** As of now; null: the run is over. */
export type JudgeNow = (request: AskedRequest) => Promise<Judged | null>

/** By what is sent: `body` is what a person made of the request, or null where it goes as it came. */
export type Passing = (body: Buffer | null) => McpPassage

/** `foreign`: the session is of another run, or nobody knows of whom. */
export function passing(run: OpenRun, request: AskedRequest, judged: Allowed, judge: JudgeNow): Passing | 'foreign' {
  const { bind, open } = sessionBinding(run, judged.use.connection.id)
  const [shown, ...more] = request.headers.flatMap(([name, value]) => (name === SESSION ? [value] : []))
  const session = shown === undefined ? null : open(shown)
  if (more.length > 0 || (shown !== undefined && session === null)) return 'foreign'
  const mayCall: McpLists['mayCall'] = async (tools) => {
    const callable = new Set<string>()
    for (const [i, tool] of tools.entries()) {
      const said = await judge(callOf(request, judged, tool))
      if (said !== null && said.outcome !== 'deny') callable.add(tool)
      if (i % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve))
    }
    return callable
  }
  return (body) => {
    const rpc = body === null ? judged.rpc : readRpc(body)
    const ids = rpc === null ? (request.method === 'GET' ? null : []) : typeof rpc === 'string' ? [] : listsIn(rpc)
    return { session, bind, lists: ids?.length === 0 ? null : { ids, mayCall } }
  }
}

/** Judged in one turn of the loop, so that a long list holds nobody up. */
const AT_ONCE = 32

function callOf(request: AskedRequest, { use: { connection, grant } }: Allowed, name: string): AskedRequest {
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'tools/call', params: { name } }))
  const { id, scheme, host, port, path, query, protocol, clientAddress } = request
  const marked = grant.placeholderRequired || carries(request, connection.placeholder)
  return {
    ...{ id, scheme, host, port, path, query, protocol, clientAddress },
    method: 'POST',
    headers: [
      ...request.headers.filter(([field]) => !OWN.has(field)),
      ['content-type', 'application/json'],
      ['content-length', String(body.length)],
      ['countersign-connection', connection.id],
      ...(marked ? [['x-placeholder', connection.placeholder] as const] : []),
    ],
    body: async (limit) => (body.length > limit ? 'too_large' : body),
    signal: new AbortController().signal,
  }
}

const OWN = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding', 'countersign-connection'])
