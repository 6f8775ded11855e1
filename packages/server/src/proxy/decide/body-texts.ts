// Placeholders in a body (V59): which of them stand there as a whole string of JSON or a whole value of a form. Read only where it could say something: a connection that
// fits puts its credential into bodies, or more than one fits. What cannot be read strictly holds none.
import type { AskedRequest } from '../gatekeeper.ts'
import { type Asked, placeIn } from './choose.ts'
import { bodyOf } from './inspect.ts'
import { strictJson } from './json.ts'
import type { View } from './view.ts'

/** As much as an injection into a body reads (V56). */
const LARGEST = 1_048_576

export async function textsOf(view: View, asked: Asked, request: AskedRequest): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  const type = (request.headers.find(([name]) => name === 'content-type')?.[1] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  const isJson = type === 'application/json' || type.endsWith('+json')
  if (!isJson && type !== 'application/x-www-form-urlencoded') return found
  const fitting = view.connections.filter(
    ({ grants, definition, params }) => grants.length > 0 && placeIn(definition, params, asked) !== null,
  )
  if (fitting.length < 2 && !fitting.some(({ definition }) => definition.inject.some(({ where }) => where === 'body')))
    return found
  const body = await bodyOf(request, LARGEST)
  if (!Buffer.isBuffer(body)) return found
  // Most bodies hold none, and are not parsed for it.
  const looked = new Set(
    fitting.map(({ placeholder }) => placeholder).filter((one) => body.includes(one) || body.includes('\\u')),
  )
  if (looked.size === 0) return found
  for (const text of isJson ? stringsOf(body) : new URLSearchParams(body.toString('utf8')).values())
    if (looked.has(text)) found.add(text)
  return found
}

function* stringsOf(body: Buffer): Generator<string> {
  const read = strictJson(body)
  const open: unknown[] = read === 'ambiguous' ? [] : [read.value]
  while (open.length > 0) {
    const one = open.pop()
    if (typeof one === 'string') yield one
    else if (typeof one === 'object' && one !== null) open.push(...Object.values(one))
  }
}
