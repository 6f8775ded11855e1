// When a relay grant was used last, in a few words.
import type { RelayGrant } from '@countersign/sdk'
import { t } from '../text/t.ts'
import { day } from '../time.ts'

/** Known to the day, and of the network alone. */
export function lastUse({ tokens }: Pick<RelayGrant, 'tokens'>, now: number): string {
  const used = tokens
    .filter((one) => one.last_used_on !== null)
    .sort((a, b) => ((a.last_used_on ?? '') < (b.last_used_on ?? '') ? 1 : -1))
  const [last] = used
  if (!last?.last_used_on) return tokens.length === 0 ? t('no token yet') : t('never')
  return day(last.last_used_on, now)
}
