// The terms of a connection in words (relay.md R24): what was asked beside what was given, on requests and on relay grants alike.
import type { RelayLimits, RelayTerms } from '@countersign/sdk'
import type { ReactNode } from 'react'
import { figure } from '../jobs/frame.tsx'
import { t } from '../text/t.ts'
import { AgentText } from '../ui/content.tsx'

type Scope = RelayTerms['scopes'][number]
/** As both requests and relay grants have them. */
export type Shown = Pick<RelayTerms, 'skills' | 'scopes' | 'limits' | 'expires_in_seconds' | 'bind'>

export const SCOPES: Record<Scope, string> = {
  'threads:start': t('start threads'),
  'threads:send': t('send more'),
  'threads:read': t('read'),
  'threads:close': t('close'),
  'threads:subscribe': t('be told'),
}

export const LIMITS: Record<keyof RelayLimits, string> = {
  max_open_threads: t('open threads'),
  messages_per_day: t('messages a day'),
  bytes_per_day: t('bytes a day'),
  rate: t('messages a minute'),
}
export const LIMIT_NAMES = Object.keys(LIMITS) as (keyof RelayLimits)[]

/** 90 days, 12 h. */
export function lifetime(seconds: number): string {
  if (seconds % 86_400 === 0 || seconds > 172_800)
    return t('{count, plural, one {# day} other {# days}}', { count: Math.round(seconds / 86_400) })
  return t('{count} h', { count: Math.round(seconds / 360) / 10 })
}

const limitsOf = (limits: RelayLimits): string => {
  const own = LIMIT_NAMES.filter((name) => limits[name] !== undefined)
  return own.length === 0
    ? t('the usual ones')
    : own
        .map((name) =>
          limits[name] === 0 ? t('{name}: no limit', { name: LIMITS[name] }) : `${figure(limits[name])} ${LIMITS[name]}`,
        )
        .join(', ')
}

const bindOf = ({ addresses, dpop_jkt }: Shown['bind']): string =>
  [
    addresses === null ? null : t('from {addresses}', { addresses: addresses.join(', ') }),
    dpop_jkt === null ? null : t('with proofs of the key {key}…', { key: dpop_jkt.slice(0, 12) }),
  ]
    .filter((one) => one !== null)
    .join('; ') || t('nothing')

const ROWS: readonly [name: string, says: (terms: Shown) => ReactNode][] = [
  [t('Skills'), ({ skills }) => (skills === null ? t('every skill') : <AgentText text={skills.join(', ')} />)],
  [t('May'), ({ scopes }) => scopes.map((one) => SCOPES[one]).join(', ')],
  [t('For'), ({ expires_in_seconds: seconds }) => lifetime(seconds)],
  [t('Limits'), ({ limits }) => limitsOf(limits)],
  [t('Tokens bound to'), ({ bind }) => bindOf(bind)],
]

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Two columns: what was asked, and what was given; what is less says so. */
export function AskedGiven({ asked, given }: { asked: Shown | null; given: Shown | null }) {
  const both = asked !== null && given !== null
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reachable by keyboard
    <section tabIndex={0} aria-label={t('Terms')} className="overflow-x-auto">
      <table className="w-full text-left text-sm">
        <thead>
          <tr className="border-b border-line text-muted">
            <td />
            {asked !== null && (
              <th scope="col" className="py-1 pr-4 font-medium">
                {t('Asked')}
              </th>
            )}
            {given !== null && (
              <th scope="col" className="py-1 font-medium">
                {t('Given')}
              </th>
            )}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {ROWS.map(([name, says]) => (
            <tr key={name}>
              <th scope="row" className="py-1.5 pr-4 align-top font-normal text-muted">
                {name}
              </th>
              {asked !== null && <td className="py-1.5 pr-4 align-top wrap-anywhere">{says(asked)}</td>}
              {given !== null && (
                <td className="py-1.5 align-top wrap-anywhere">
                  {says(given)}
                  {both && !isSame(says(asked), says(given)) && <span className="ml-1.5 text-warn">{t('less')}</span>}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
