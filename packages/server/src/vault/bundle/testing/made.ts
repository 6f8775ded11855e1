// For tests of bundled definitions: values that pass the patterns of their fields, made up here and nowhere else, and a host that each pattern fits.
import { fieldsOfConnection } from '../../providers/check.ts'
import type { Definition, Material } from '../../providers/definition.ts'
import { readParams } from '../../providers/params.ts'

const VALUES: Record<string, string> = {
  'dub/api_key': 'dub_12345678',
  'groq/api_key': `gsk_${'a'.repeat(20)}`,
  'openai/api_key': `sk-${'a'.repeat(20)}`,
  'openrouter/api_key': `sk-or-${'a'.repeat(20)}`,
  'perplexity/api_key': `pplx-${'a'.repeat(20)}`,
  'resend/api_key': 're_12345678',
  'sendgrid/api_key': `SG.${'a'.repeat(20)}`,
  'anthropic/api_key': 'sk-ant-12345678',
  'klaviyo/api_key': 'pk_12345678',
  'mailchimp/api_key': `${'0a'.repeat(16)}-us6`,
  'stripe-mcp/api_key': 'rk_test_12345678',
  'stripe/api_key': 'sk_test_12345678',
  'huggingface/api_key': 'hf_12345678',
  'pypi/api_key': `pypi-${'a'.repeat(16)}`,
  'telegram/bot_token': `123456789:${'a'.repeat(35)}`,
  'twilio/account_sid': `AC${'0'.repeat(32)}`,
}
const PARAMS: Record<string, Record<string, string>> = {
  jira: { site_id: '0a'.repeat(18) },
  confluence: { site_id: '0a'.repeat(18) },
  'mention-me': { base_url: 'https://api.mention-me.example' },
  'azure-openai': { resource: 'acme-eu' },
  supabase: { project: 'abcdefghijklmnop' },
}

const made = ({ name }: Definition, field: string): string => VALUES[`${name}/${field}`] ?? `v-${field.replaceAll('_', '-')}-1`

export const materialOf = (definition: Definition): Material =>
  Object.fromEntries([...fieldsOfConnection(definition)].map((field) => [field, made(definition, field)]))

export const paramsOf = (definition: Definition): Record<string, string> =>
  readParams(definition, PARAMS[definition.name] ?? {}, materialOf(definition) as Record<string, string>)

export function hostFor(pattern: string, params: Record<string, string>): string {
  if (pattern === '{base_url}') return new URL(params.base_url as string).hostname
  return pattern.replace('*', 'any').replace(/\{([a-z_]+)\}/g, (_, name: string) => params[name] as string)
}

/** A host and a path within each place that a definition names. */
export const placesOf = (definition: Definition, params: Record<string, string>) =>
  definition.hosts.map(({ host, port = 443, path = '/' }) => ({
    host: hostFor(host, params),
    port,
    path: path.replaceAll('*', 'x').replace(/\/$/, '') || '/',
  }))
