// The limiter over PostgreSQL (platform.md P71–P75): how long one decision takes, for both kinds, and whether 500 calls at once over three processes let
// exactly 100 through a window of 100.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { makeKeyring } from '../../packages/server/src/crypto/keyring.ts'
import { randomBytes } from '../../packages/server/src/crypto/token.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'
import { type Db, openDb } from '../../packages/server/src/db/tx.ts'
import { BUCKETS, type Buckets } from '../../packages/server/src/http/bucket.ts'
import { type Limits, openLimits } from '../../packages/server/src/http/limit.ts'
import { type Figure, percentile } from '../figure.ts'

const PROCESSES = 3

export async function measure({ quick }: { quick: boolean }): Promise<Figure[]> {
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  const database = await startEmbedded({ home })
  const dbs: Db[] = []
  try {
    await migrate(database.migratorUrl)
    const keyring = makeKeyring({ current: 1, versions: new Map([[1, randomBytes(32)]]) })
    const buckets = {
      ...BUCKETS,
      'invite.tenant': { ...BUCKETS['invite.tenant'], kind: 'window', limit: 100, per: 3_600 },
    } as Buckets
    const limits: Limits[] = []
    for (let n = 0; n < PROCESSES; n++) {
      const db = await openDb({ url: database.runtimeUrl, max: 8, listen: false })
      dbs.push(db)
      limits.push(openLimits({ db, keyring, clock: db.clock, buckets }))
    }
    const [first] = limits as [Limits]
    const rounds = quick ? 1_000 : 10_000
    const rate = await times(rounds, (n) => first.take({ bucket: 'api.user', key: `usr_${n % 200}` }))
    const window = await times(rounds, (n) => first.take({ bucket: 'invite.tenant', key: `t${Math.floor(n / 90)}` }))
    const asked = Array.from({ length: 500 }, (_, n) =>
      (limits[n % PROCESSES] as Limits).take({ bucket: 'invite.tenant', key: 'crowd' }),
    )
    const admitted = (await Promise.allSettled(asked)).filter((one) => one.status === 'fulfilled').length
    const figure = { bench: 'limit', peer_name: null, peer: null }
    const [p50, w50] = [percentile(rate, 0.5), percentile(window, 0.5)]
    return [
      { ...figure, metric: 'decision of a rate (GCRA), p50', unit: 'ms', ours: p50, goal: '<= 0.5', met: p50 <= 0.5 },
      { ...figure, metric: 'decision of a window, p50', unit: 'ms', ours: w50, goal: '<= 0.5', met: w50 <= 0.5 },
      {
        ...figure,
        metric: 'admitted of 500 at once, window of 100, 3 processes',
        unit: 'calls',
        ours: admitted,
        goal: '= 100',
        met: admitted === 100,
      },
    ]
  } finally {
    for (const db of dbs) await db.close()
    await database.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

async function times(rounds: number, act: (n: number) => Promise<unknown>): Promise<number[]> {
  const all: number[] = []
  for (let n = 0; n < rounds; n++) {
    const begun = performance.now()
    await act(n)
    all.push(performance.now() - begun)
  }
  return all
}
