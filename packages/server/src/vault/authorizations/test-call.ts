// The call by which a definition lets a stored credential be tried (V41): its own injections, its own URL, and a list of statuses that mean "works". What the
// provider answers beside its status is not looked at and goes nowhere.
import type { Definition, Material } from '../providers/definition.ts'
import { fillInjection, InjectionInvalid } from '../providers/fill.ts'
import { fillUrl } from '../providers/params.ts'
import type { Params } from '../providers/pattern.ts'
import { ProviderFault } from './protocol/fault.ts'
import { call, type Outside } from './protocol/server.ts'

export type Tried = { ok: boolean; status: number | null; code: string | null; ms: number }

/** Null: the definition names no test, or one that cannot be sent from here. */
export async function tryMaterial(
  outside: Outside,
  definition: Definition,
  params: Params,
  material: Material,
): Promise<Tried | null> {
  const test = definition.api_key?.test
  if (!test) return null
  const from = performance.now()
  const done = (ok: boolean, status: number | null, code: string | null): Tried => ({
    ok,
    status,
    code,
    ms: Math.round(performance.now() - from),
  })
  try {
    const request = injected(definition, material, fillUrl(test.url, params))
    if (request === null) return null
    const { status } = await call(outside, { ...request, method: test.method.toUpperCase() })
    const ok = test.expect.includes(status)
    return done(ok, status, ok ? null : `http_${status}`)
  } catch (error) {
    if (error instanceof ProviderFault) return done(false, error.status, error.code)
    if (error instanceof InjectionInvalid) return done(false, null, 'injection_invalid')
    throw error
  }
}

/** A request of our own that carries the credential as a definition has it; null: it only goes into a request that an agent made. */
export function injected(
  definition: Definition,
  material: Material,
  target: string,
): { url: string; headers: Record<string, string> } | null {
  const url = new URL(target)
  const headers: Record<string, string> = {}
  const cookies: string[] = []
  for (const injection of definition.inject) {
    const filled = fillInjection(injection, material)
    if (filled === null) continue
    if (filled.where === 'header') headers[filled.name.toLowerCase()] = filled.value
    else if (filled.where === 'basic') headers.authorization = filled.value
    else if (filled.where === 'cookie') cookies.push(`${filled.name}=${filled.value}`)
    else if (filled.where === 'query') url.searchParams.set(filled.name, filled.value)
    // A body, a segment of a path and a signature are made from a request of the agent's; there is none here.
    else return null
  }
  if (cookies.length > 0) headers.cookie = cookies.join('; ')
  return { url: url.href, headers }
}
