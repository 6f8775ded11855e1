// The paths of HTTP+JSON: which operation each names, and what of its params stands in the path. All of them also answer with one leading segment, the tenant of A2A, which may only be
// the name of the agent (R83).
import { Problem } from '@countersign/sdk'
import { type Method, paramsOfQuery } from './check.ts'
import { Malformed } from './errors.ts'
import { isObject, type WireObject } from './parts.ts'

type Verb = 'GET' | 'POST' | 'DELETE'
type Place = { verb: Verb; path: RegExp; names: readonly string[]; operation: Method; status: number }

const place = (verb: Verb, pattern: string, operation: Method, status = 200): Place => {
  const names = [...pattern.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string)
  return { verb, path: new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '([^/:]+)')}$`), names, operation, status }
}

const PLACES: readonly Place[] = [
  place('POST', '/message:send', 'SendMessage'),
  place('POST', '/message:stream', 'SendStreamingMessage'),
  place('GET', '/tasks', 'ListTasks'),
  place('GET', '/tasks/{id}', 'GetTask'),
  place('POST', '/tasks/{id}:cancel', 'CancelTask'),
  place('GET', '/tasks/{id}:subscribe', 'SubscribeToTask'),
  place('POST', '/tasks/{id}:subscribe', 'SubscribeToTask'),
  place('POST', '/tasks/{taskId}/pushNotificationConfigs', 'CreateTaskPushNotificationConfig', 201),
  place('GET', '/tasks/{taskId}/pushNotificationConfigs', 'ListTaskPushNotificationConfigs'),
  place('GET', '/tasks/{taskId}/pushNotificationConfigs/{id}', 'GetTaskPushNotificationConfig'),
  place('DELETE', '/tasks/{taskId}/pushNotificationConfigs/{id}', 'DeleteTaskPushNotificationConfig', 204),
  place('GET', '/extendedAgentCard', 'GetExtendedAgentCard'),
]

export type RestCall = { operation: Method; status: number; named: WireObject }

/** By the path below the interface's own; 404 for one that is none, 405 with `Allow` for another verb. */
export function restCallOf(verb: string, path: string): RestCall {
  const [tenant, rest] = /^\/([^/]+)(\/.*)$/.exec(path)?.slice(1) ?? []
  const own = at(path)
  const found = own.length > 0 ? own : at(rest ?? '')
  if (found.length === 0) throw new Malformed('NOT_FOUND', 'There is nothing here.')
  // A reading may be asked for by HEAD, too.
  const one = found.find(({ place }) => place.verb === (verb === 'HEAD' ? 'GET' : verb))
  if (!one) throw new Problem('method_not_allowed', { allowed: found.map(({ place }) => place.verb) })
  return { ...one.place, named: { ...one.named, ...(own.length > 0 ? {} : { tenant: decoded(tenant as string) }) } }
}

function at(path: string): { place: Place; named: WireObject }[] {
  return PLACES.flatMap((one) => {
    const values = one.path.exec(path)?.slice(1)
    return values
      ? [{ place: one, named: Object.fromEntries(one.names.map((name, i) => [name, decoded(values[i] as string)])) }]
      : []
  })
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Malformed('NOT_FOUND', 'There is nothing here.')
  }
}

/** Path, query and body as the params that JSON-RPC would have; the path counts, then the body. */
export function restParams({ named }: RestCall, query: string, body: unknown): WireObject {
  if (body !== undefined && !isObject(body))
    throw new Malformed('INVALID_PARAMS', 'The body must be an object.', [{ field: 'body', description: 'Must be an object.' }])
  const { 'A2A-Version': _version, ...asked } = paramsOfQuery(query)
  return { ...asked, ...body, ...named }
}
