// What the pages of providers share: words of kinds and states.
import type { Provider } from '@countersign/sdk'
import { t } from '../text/t.ts'
import { Badge, type Tone } from '../ui/badge.tsx'

const KINDS: Record<Provider['kind'], string> = {
  app: t('application'),
  llm: t('language model'),
  mcp: t('MCP server'),
  cookies: t('web session'),
  custom: t('your own'),
}
export const KIND_NAMES = Object.keys(KINDS) as Provider['kind'][]
export const kindWord = (kind: Provider['kind']): string => KINDS[kind]

const STATES: Record<Provider['state'], { word: string; tone: Tone }> = {
  available: { word: t('needs a client'), tone: 'quiet' },
  configured: { word: t('ready to connect'), tone: 'info' },
  connected: { word: t('connected'), tone: 'good' },
}
export const STATE_NAMES = Object.keys(STATES) as Provider['state'][]
export const stateWord = (state: Provider['state']): string => STATES[state].word

export function ProviderBadges({ provider }: { provider: Provider }) {
  return (
    <span className="flex flex-wrap gap-1.5">
      {provider.in_force && <Badge tone={STATES[provider.state].tone}>{STATES[provider.state].word}</Badge>}
      {!provider.in_force && <Badge tone="warn">{t('waits for approval')}</Badge>}
      {provider.in_force && provider.proposed && <Badge tone="warn">{t('a change waits')}</Badge>}
      {provider.overridden && <Badge tone="warn">{t('overridden')}</Badge>}
      {provider.bundled && provider.verified_on === null && <Badge tone="quiet">{t('not verified')}</Badge>}
    </span>
  )
}
