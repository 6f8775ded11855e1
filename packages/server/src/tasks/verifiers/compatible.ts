// `verifier_config` as the other clients send it (T65): their names of providers, either spelling of members, and the name of an environment variable, which
// here is looked up among the tenant's provider keys and nowhere else.
import type { ModelProvider } from './config.ts'
import { refuse } from './config.ts'

const PROVIDERS: Record<string, ModelProvider> = {
  claude: 'anthropic',
  anthropic: 'anthropic',
  openai: 'openai',
  google: 'gemini',
  gemini: 'gemini',
  azure: 'azure_openai',
  azure_openai: 'azure_openai',
}

const MEMBERS: Record<string, string> = { maxAttempts: 'max_attempts', apiKeyEnv: 'api_key_env' }
const READ = ['provider', 'model', 'instructions', 'max_attempts', 'api_key_env', 'metadata']

/** In our words; `hint` is a name of a key that counts only if there is one. */
export function fromCompatible(given: Record<string, unknown>): { config: Record<string, unknown>; hint: string | null } {
  const members = Object.fromEntries(
    Object.entries(given)
      .map(([name, value]) => [MEMBERS[name] ?? name, value] as const)
      .filter(([name, value]) => READ.includes(name) && value !== null),
  )
  const { provider, api_key_env, metadata: _, ...rest } = members
  const ours = typeof provider === 'string' ? PROVIDERS[provider] : undefined
  if (!ours) {
    const message = `This must be one of ${Object.keys(PROVIDERS).join(', ')}.`
    return refuse([{ path: '/verifier_config/provider', code: 'enum', message }], 'verifier_not_configured')
  }
  return { config: { ...rest, provider: ours }, hint: typeof api_key_env === 'string' ? api_key_env : null }
}
