// A message of an MCP server with the tools taken out that this run may not call (V99). Items are cut out of the text as it came: what stays is not written anew, to the
// last digit of a schema. What cannot be read for certain is refused, never passed on in the hope that it holds no list.
import { strictJson } from '../decide/json.ts'
import type { McpLists } from '../gatekeeper.ts'

/** More of an answer, or of one event, is not read. */
export const MOST_LIST = 1_048_576
/** More tools nobody offers in one answer: each costs a judgement. */
const MOST_TOOLS = 1_000

/** What may hold a list of tools and cannot be read for certain. */
export class ListUnreadable extends Error {
  constructor() {
    super('The list of tools cannot be read.')
    this.name = 'ListUnreadable'
  }
}

/** The very same bytes where nothing had to go. */
export async function narrowLists(bytes: Buffer, lists: McpLists): Promise<Buffer> {
  const read = strictJson(bytes)
  if (read === 'ambiguous') throw new ListUnreadable()
  const messages: unknown[] = Array.isArray(read.value) ? read.value : [read.value]
  const found = messages.map((message) => toolsOf(message, lists))
  const names = new Set<string>()
  for (const tools of found) for (const name of tools ?? []) names.add(name)
  if (names.size > MOST_TOOLS) throw new ListUnreadable()
  if (names.size === 0) return bytes
  const callable = await lists.mayCall([...names])
  if ([...names].every((name) => callable.has(name))) return bytes
  const text = bytes.toString('utf8')
  const spans = Array.isArray(read.value) ? itemsAt(text, skipSpace(text, 0)) : [[skipSpace(text, 0), text.length] as const]
  let out = ''
  let from = 0
  for (const [i, [start]] of spans.entries()) {
    const tools = found[i]
    if (!tools) continue
    const list = memberAt(text, memberAt(text, start, 'result'), 'tools')
    const kept = itemsAt(text, list).filter((_, at) => callable.has(tools[at] as string))
    out += `${text.slice(from, list)}[${kept.map(([a, b]) => text.slice(a, b)).join(',')}]`
    from = endOfValue(text, list)
  }
  return Buffer.from(out + text.slice(from))
}

/** Names in their order; null: no list of tools. By its shape too, and not by its id alone: ids are compared by others more loosely than here. */
function toolsOf(message: unknown, { ids }: McpLists): readonly string[] | null {
  // Not of the protocol: on a stream of no request of ours that is nobody's list.
  if (!isMembers(message)) return nothing(ids !== null)
  const { id, result, error } = message
  const isAsked = message.method === undefined && error === undefined && ids?.includes(id as string | number | null) === true
  const tools = isMembers(result) ? result.tools : undefined
  if (!Array.isArray(tools)) return nothing(isAsked)
  return tools.map((tool: unknown) => {
    const name = isMembers(tool) ? tool.name : undefined
    if (typeof name !== 'string' || name === '') throw new ListUnreadable()
    return name
  })
}

function nothing(isWanted: boolean): null {
  if (isWanted) throw new ListUnreadable()
  return null
}

const isMembers = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

// From here on the text is JSON for certain, and no object has a name twice.

function skipSpace(text: string, from: number): number {
  let i = from
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++
  return i
}

function endOfString(text: string, from: number): number {
  let i = from + 1
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i + 1
}

/** Behind the value that begins here. */
function endOfValue(text: string, from: number): number {
  const first = text[from]
  if (first === '"') return endOfString(text, from)
  let i = from
  if (first !== '{' && first !== '[') {
    while (i < text.length && !/[\s,\]}]/.test(text[i] as string)) i++
    return i
  }
  for (let depth = 0; ; ) {
    const char = text[i]
    if (char === '"') {
      i = endOfString(text, i)
      continue
    }
    i++
    if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return i
  }
}

function itemsAt(text: string, from: number): (readonly [start: number, end: number])[] {
  const items: (readonly [number, number])[] = []
  let at = skipSpace(text, from + 1)
  while (text[at] !== ']') {
    const end = endOfValue(text, at)
    items.push([at, end])
    at = skipSpace(text, end)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return items
}

/** Where the value of a member begins that is there. */
function memberAt(text: string, from: number, name: string): number {
  let at = skipSpace(text, from + 1)
  for (;;) {
    const end = endOfString(text, at)
    const start = skipSpace(text, skipSpace(text, end) + 1)
    if (JSON.parse(text.slice(at, end)) === name) return start
    at = skipSpace(text, skipSpace(text, endOfValue(text, start)) + 1)
  }
}
