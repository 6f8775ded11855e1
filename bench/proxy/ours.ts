// Our proxy in a process of its own. Its gatekeeper allows everything: TLS on both sides, strict reading, injection of a bearer token and masking are on; the
// decision path, events and leases are not, so what is measured is the data path alone, and is labelled so.
import { connect } from 'node:net'
import { Secret } from '../../packages/server/src/crypto/secret.ts'
import { parseAllowed } from '../../packages/server/src/egress/address.ts'
import { openDoor } from '../../packages/server/src/egress/fetch.ts'
import { openGuard } from '../../packages/server/src/egress/guard.ts'
import type { Gatekeeper, OpenRun } from '../../packages/server/src/proxy/gatekeeper.ts'
import { openProxy } from '../../packages/server/src/proxy/proxy.ts'
import { systemClock } from '../../packages/server/src/std/clock.ts'
import { openLog } from '../../packages/server/src/std/log.ts'

export type Ours = { port: number; ca: string; token: string; authority: { id: string; certificate: string; key: string } }

function allowAll({ token, authority }: Ours): Gatekeeper {
  const run: OpenRun = {
    id: 'run_bench',
    tenant: 'bench',
    agentId: 'agt_bench',
    expiresAt: new Date(performance.timeOrigin + 3_600_000),
    authority: { ...authority, key: new Secret(authority.key) },
  }
  const secret = crypto.randomUUID()
  const rule = { where: 'header', name: 'Authorization', template: 'Bearer {{token}}' } as const
  return {
    open: async (shown) => (shown === token ? run : null),
    connect: async () => 'intercept',
    judge: async () => ({
      kind: 'send',
      connectionId: 'conn_bench',
      grantId: 'grt_bench',
      injections: [{ rule, value: new Secret(`Bearer ${secret}`) }],
      placeholder: null,
      mask: [new Secret(secret)],
      scan: true,
      again: null,
      answerHeaders: {},
    }),
    settled: () => undefined,
    isFresh: () => true,
    onCut: () => () => undefined,
  }
}

async function start(ours: Ours): Promise<void> {
  const allowed = parseAllowed(`localhost:${ours.port}`)
  if (!allowed) throw new Error('The upstream has no address.')
  const door = openDoor({ guard: openGuard({ allowed: [allowed] }), installation: 'bench', version: '0', connect })
  const proxy = await openProxy({
    gatekeeper: allowAll(ours),
    door,
    clock: systemClock,
    log: openLog({ level: 'warn' }),
    installation: 'bench',
    listen: [{ host: '127.0.0.1', port: 0 }],
    trust: () => ({ ca: ours.ca }),
  })
  process.send?.({ port: proxy.addresses[0]?.port })
}

process.on('message', (message: Ours) => {
  if ('token' in message) void start(message)
})
