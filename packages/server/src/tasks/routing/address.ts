// Addresses outside the directory (T96): judged by policy before anything is made that would tell them. The shipped policies permit the tenant's own mail
// domains, and in development any. A domain where everybody can have an address is nobody's own.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { type Judged, judgeAll } from '../../identity/policies/judge.ts'
import { type Act, isJudged } from '../../identity/policies/request.ts'
import { tenantWire } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { withoutAsk } from '../judgement.ts'
import { findDirectory, findOwnDomains } from './sql.ts'

export type Outside = { address: string; channel: string; path: string }
type House = Pick<TasksHouse, 'db' | 'policies' | 'development'>

const ANYBODYS = new Set([
  'gmail.com',
  'googlemail.com',
  'outlook.com',
  'hotmail.com',
  'live.com',
  'yahoo.com',
  'icloud.com',
  'me.com',
  'aol.com',
  'proton.me',
  'protonmail.com',
  'gmx.net',
  'gmx.de',
  'web.de',
  'mail.ru',
  'yandex.ru',
  'qq.com',
  '163.com',
])

/** The refusal, or null: all of them may be told. `judged` is what a policy said against one. */
export async function judgeAddresses(
  house: House,
  t: Tx,
  scope: Scope,
  addresses: readonly Outside[],
): Promise<{ problem: Problem; judged: Judged } | null> {
  if (addresses.length === 0 || !isJudged(scope)) return null
  const known = new Set(
    (
      await findDirectory(
        t,
        scope,
        addresses.map(({ address }) => address),
      )
    ).map(({ email }) => email),
  )
  const outside = addresses.filter(({ address }) => !known.has(address))
  if (outside.length === 0) return null
  const own = new Set((await findOwnDomains(t, scope)).map(({ domain }) => domain).filter((domain) => !ANYBODYS.has(domain)))
  const asked = outside.map((one) => ({ scope, act: actOf(house, scope, own, one) }))
  const judged = (await judgeAll(house, t, asked)).map(withoutAsk)
  const denied = judged.findIndex(({ outcome }) => outcome.outcome !== 'allow')
  if (denied < 0) return null
  const errors: FieldError[] = judged.flatMap(({ outcome }, i) =>
    outcome.outcome === 'allow'
      ? []
      : [
          {
            path: (outside[i] as Outside).path,
            code: 'address_not_allowed',
            message: 'No policy permits that this address is told: it belongs to nobody of the directory.',
          },
        ],
  )
  return { problem: new Problem('address_not_allowed', { errors }), judged: judged[denied] as Judged }
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

const actOf = (house: House, scope: Scope, own: ReadonlySet<string>, { address, channel }: Outside): Act => ({
  action: 'task.notify',
  resource: { type: 'Tenant', id: tenantWire(scope.tenantId) },
  context: { channel, domain: domainOf(address), own_domain: own.has(domainOf(address)), development: house.development },
})
