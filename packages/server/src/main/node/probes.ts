// What a proxy says to who looks after it: that it lives, and whether it lets requests out now. Of no run, no tenant and no address.
import { Problem } from '@countersign/sdk'
import { type Route, route, s } from '../../http/route.ts'
import type { Log } from '../../std/log.ts'

const open = { tag: 'status', auth: 'none', bucket: 'none' } as const
const Ok = s.object({ status: s.oneOf('ok') })

export const nodeProbes = ({ isReady }: { isReady(): boolean; log: Log }): Route[] => [
  route('GET /livez', { ...open, summary: 'The process lives', answers: { 200: Ok } }, async () => ({ status: 'ok' as const })),
  route(
    'GET /readyz',
    { ...open, summary: 'The proxy lets requests out', answers: { 200: Ok }, problems: ['not_ready'] },
    async () => {
      if (!isReady()) throw new Problem('not_ready', { checks: ['gate'], retry_after: 1 })
      return { status: 'ok' as const }
    },
  ),
]
