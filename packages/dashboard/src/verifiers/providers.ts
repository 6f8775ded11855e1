// The words for who checks answers, and what the pages of verifiers show.
import type { RouteAnswer } from '@countersign/sdk'

export type Verifier = RouteAnswer<'GET /verifiers/:id'>

export const NAMES: Record<string, string> = {
  anthropic: 'Anthropic',
  openai: 'OpenAI',
  gemini: 'Gemini',
  azure_openai: 'Azure OpenAI',
  openai_compatible: 'a server of your own',
  rules: 'rules',
  agent: 'the agent that asks',
}
export const PROVIDERS = Object.entries(NAMES).map(([value, label]) => ({ value, label }))
