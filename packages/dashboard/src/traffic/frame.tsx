// What the pages of live traffic share: one request of the proxy, the words of outcomes and of reasons.
import type { RouteAnswer } from '@countersign/sdk'
import { t } from '../text/t.ts'
import { Badge, type Tone } from '../ui/badge.tsx'

export type Proxied = RouteAnswer<'GET /proxy/requests'>['data'][number]
export type Outcome = Proxied['outcome']

const WORDS: Record<Outcome, { word: string; tone: Tone }> = {
  allow: { word: t('Allowed'), tone: 'good' },
  ask: { word: t('Asked'), tone: 'warn' },
  deny: { word: t('Denied'), tone: 'bad' },
  pass: { word: t('Passed without a credential'), tone: 'info' },
  learn: { word: t('Learned'), tone: 'info' },
}
export const OUTCOMES = Object.keys(WORDS) as Outcome[]
export const outcomeWord = (outcome: Outcome): string => WORDS[outcome].word

/** Why a request was refused, in a few words; the closed list of `proxy_denied`. */
const REASONS: Record<string, string> = {
  no_grant: t('no grant'),
  grant_expired: t('the grant is used up or over'),
  method: t('the grant does not name this method'),
  host: t('the grant does not name this host'),
  path: t('the grant does not name this path'),
  path_ambiguous: t('two readers could take the path for two'),
  tool: t('the grant does not name this tool'),
  body_ambiguous: t('two readers could take the body for two'),
  body_too_large_to_inspect: t('the body is too large to be read for the decision'),
  policy_forbid: t('a policy forbids it'),
  no_permit: t('no policy permits it'),
  ambiguous: t('several connections fit'),
  connection_missing: t('nobody has connected this provider'),
  needs_reauth: t('the connection needs a new login'),
  suspended: t('suspended'),
  minting: t('it would hand out a new credential'),
  plaintext: t('without TLS'),
  host_mismatch: t('it names another host than its tunnel'),
  address_denied: t('the address may not be reached'),
  port_denied: t('the port may not be reached'),
  budget: t('the budget is used up'),
  placeholder_missing: t('without the placeholder'),
  injection_invalid: t('the stored credential holds what may not stand there'),
  run_ended: t('the run is over'),
}
export const reasonWord = (reason: string): string => REASONS[reason] ?? reason

export const OutcomeBadge = ({ outcome }: { outcome: Outcome }) => <Badge tone={WORDS[outcome].tone}>{WORDS[outcome].word}</Badge>

export const target = ({ scheme, host, port, path }: Pick<Proxied, 'scheme' | 'host' | 'port' | 'path'>): string =>
  `${scheme}://${host}${port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`}${path}`
