// Whether the hosts that a definition names answer at all (V4): a warning for whoever reads the answer, never a reason to take or to refuse a definition.
// Sends nothing but a GET without any credential, through the guarded way out, and looks at no answer.
import type { FieldError } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { VaultHouse } from '../house.ts'
import type { Definition } from './definition.ts'
import { pointerOf } from './source.ts'

const WITHIN_MS = 5_000
const MOST = 8

export async function probeHosts(house: VaultHouse, scope: Scope, { hosts, oauth }: Definition): Promise<FieldError[]> {
  const named = hosts.flatMap(({ host, port }, i) => {
    if (/[*{]/.test(host)) return []
    return [{ path: pointerOf(['hosts', i, 'host']), origin: `https://${host}${port === undefined ? '' : `:${port}`}` }]
  })
  const called = (['authorization_url', 'token_url', 'device_url'] as const).flatMap((member) => {
    const url = oauth?.[member]
    return url === undefined || url.includes('{') ? [] : [{ path: pointerOf(['oauth', member]), origin: new URL(url).origin }]
  })
  const all = [...new Map([...named, ...called].map((one) => [one.origin, one])).values()].slice(0, MOST)
  const silent = await Promise.all(all.map(async (one) => ((await answers(house, scope, one.origin)) ? null : one)))
  return silent.flatMap((one) =>
    one ? [{ path: one.path, code: 'silent', message: `${new URL(one.origin).host} did not answer from here.` }] : [],
  )
}

async function answers(house: VaultHouse, scope: Scope, origin: string): Promise<boolean> {
  const caps = { wholeMs: WITHIN_MS, connectMs: WITHIN_MS, headersMs: WITHIN_MS, bodyBytes: 1_024 }
  const answer = await house.door.fetch({ tenantId: scope.tenantId, url: `${origin}/`, onLarge: 'cut', caps })
  return 'status' in answer
}
