// The words for who checks answers, and what the pages of verifiers show.
import type { RouteAnswer } from '@countersign/sdk'
import { t } from '../text/t.ts'

export type Verifier = RouteAnswer<'GET /verifiers/:id'>

export const NAMES: Record<string, string> = {
  anthropic: t('Anthropic'),
  openai: t('OpenAI'),
  gemini: t('Gemini'),
  azure_openai: t('Azure OpenAI'),
  openai_compatible: t('a server of your own'),
  rules: t('rules'),
  agent: t('the agent that asks'),
}
export const PROVIDERS = Object.entries(NAMES).map(([value, label]) => ({ value, label }))
