// What a host sees of the key ring (P127): versions, who holds them, what hangs on them, how old they are. Shows fingerprints and numbers, never a key.
import type { RootSource } from '../../../crypto/keyring-source.ts'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { lastRewraps, type RewrapView } from '../rewrap/start.ts'
import type { KeyringHouse } from './root-key.ts'
import {
  countWraps,
  type LeaseRow,
  listLeases,
  listPeppers,
  listRootKeys,
  listSecretAges,
  type RootKeyRow,
  summariseTenantKeys,
} from './sql.ts'

const DAY_MS = 24 * 3_600_000
const OLD_DAYS = 365

export type VersionView = Omit<RootKeyRow, 'wrapped' | 'created_by'> & {
  /** Keys that are wrapped under it. */
  wraps: number
  /** Passwords whose pepper comes from it. */
  passwords: number
  /** Live processes that do not hold it. */
  missing_in: number
  age_days: number
}
export type Age = { what: string; oldest_at: Date; days: number; warn: boolean }
export type KeyringStatus = {
  source: string
  sources: { name: string; answers: boolean }[]
  skipped: { source: string; reason: string }[]
  versions: VersionView[]
  processes: { id: string; roles: string[]; versions: number[]; since: Date }[]
  tenant_keys: { tenants: number; versions: number; retired: number }
  ages: Age[]
  warnings: string[]
  rewraps: RewrapView[]
}

export async function keyringStatus(house: KeyringHouse): Promise<KeyringStatus> {
  const { ring, db } = house
  const rewraps = await lastRewraps(house)
  const sources = await Promise.all(ring.roots.sources.map(ask))
  return tx(
    db,
    systemScope('keyring'),
    async (t) => {
      const [rows, leases, wraps, peppers, tenants, secrets] = [
        await listRootKeys(t),
        await listLeases(t),
        await countWraps(t),
        await listPeppers(t),
        await summariseTenantKeys(t),
        await listSecretAges(t),
      ]
      const versions = rows.map((row) =>
        versionView(row, leases, t.now, {
          wraps: wraps.find((one) => one.root_version === row.version)?.keys ?? 0,
          passwords: peppers.find((one) => one.version === row.version)?.passwords ?? 0,
        }),
      )
      const current = rows.find((row) => row.state === 'current')
      const pepper = rows.find((row) => row.version === peppers[0]?.version)
      const ages = [
        ...age('root key', current?.promoted_at, t.now),
        ...age('oldest tenant key', tenants.oldest, t.now),
        ...age('oldest pepper in use', pepper?.promoted_at, t.now),
        ...secrets.flatMap(({ what, oldest }) => age(`oldest ${what}`, oldest, t.now)),
      ]
      const { oldest: _, ...tenant_keys } = tenants
      return {
        source: ring.roots.sources[0]?.name ?? '',
        sources,
        skipped: ring.roots.skipped.map(({ source, reason }) => ({ source, reason })),
        versions,
        processes: leases.map(({ id, roles, versions: held, since }) => ({ id, roles, versions: held, since })),
        tenant_keys,
        ages,
        warnings: [
          ...sources.filter(({ answers }) => !answers).map(sayAway),
          ...ages.filter((one) => one.warn).map(sayOld),
          ...ring.roots.warnings,
          ...unnamed(house),
        ],
        rewraps,
      }
    },
    { readOnly: true },
  )
}

/** Asked now: a file is read, a KMS is called. */
const ask = async ({ name, kms, read }: RootSource): Promise<{ name: string; answers: boolean }> => ({
  name,
  answers: await (kms ? kms.check() : read()).then(
    () => true,
    () => false,
  ),
})

const sayAway = ({ name }: { name: string }): string =>
  `${name} does not answer: what is sealed under it opens for five minutes more, and then not.`

function versionView(
  { wrapped: _, created_by: __, ...row }: RootKeyRow,
  leases: readonly LeaseRow[],
  now: Date,
  counts: { wraps: number; passwords: number },
): VersionView {
  const missing = row.state === 'destroyed' ? [] : leases.filter(({ versions }) => !versions.includes(row.version))
  return { ...row, ...counts, missing_in: missing.length, age_days: days(row.promoted_at ?? row.created_at, now) }
}

const days = (since: Date, now: Date): number => Math.floor((now.getTime() - since.getTime()) / DAY_MS)

function age(what: string, since: Date | null | undefined, now: Date): Age[] {
  if (!since) return []
  const old = days(since, now)
  return [{ what, oldest_at: since, days: old, warn: old > OLD_DAYS }]
}

const sayOld = ({ what, days: old }: Age): string => `The ${what} is ${old} days old; rotate it (docs/keys.md).`

const unnamed = ({ ring }: KeyringHouse): string[] =>
  ring
    .unnamed()
    .map(
      ({ version, source }) => `${source.name} holds version ${version}, which was not added yet: run countersign keyring add.`,
    )
