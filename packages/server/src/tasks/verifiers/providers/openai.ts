// OpenAI, Chat Completions with a strict JSON Schema as `response_format`: at OpenAI, as a deployment of Azure, and wherever else the same API is spoken.
import { verdictSchema } from '../prompt.ts'
import { type Asked, count, first, MOST_TOKENS, member, type Provider, parsed, type Said, withKey } from './provider.ts'

const bodyOf = ({ prompt, temperature }: Asked) => ({
  messages: [
    { role: 'system', content: prompt.system },
    { role: 'user', content: prompt.user },
  ],
  ...(temperature ? { temperature: 0 } : {}),
  response_format: {
    type: 'json_schema',
    json_schema: { name: 'verdict', strict: true, schema: verdictSchema(prompt.wantsParsed) },
  },
})

function read({ choices, usage }: Record<string, unknown>): Said {
  const message = first(choices).message
  return {
    // A model that refuses to speak says so in `refusal` and has no content.
    verdict: parsed(member(message, 'content')),
    inputTokens: count(member(usage, 'prompt_tokens')),
    outputTokens: count(member(usage, 'completion_tokens')),
  }
}

const bearer = (key: string | null) => withKey('authorization', key && `Bearer ${key}`)

export const openai: Provider = {
  request: (asked) => ({
    url: `${asked.base ?? 'https://api.openai.com/v1'}/chat/completions`,
    headers: bearer(asked.key),
    body: { model: asked.model, max_completion_tokens: MOST_TOKENS, ...bodyOf(asked) },
  }),
  read,
}

/** Servers that took over the API before its newer member was made know `max_tokens` alone. */
export const openaiCompatible: Provider = {
  request: (asked) => ({
    url: `${asked.base}/chat/completions`,
    headers: bearer(asked.key),
    body: { model: asked.model, max_tokens: MOST_TOKENS, ...bodyOf(asked) },
  }),
  read,
}

const API_VERSION = '2024-10-21'

export const azureOpenai: Provider = {
  request: (asked) => ({
    url: `${asked.base}/openai/deployments/${encodeURIComponent(asked.deployment ?? asked.model)}/chat/completions?api-version=${asked.apiVersion ?? API_VERSION}`,
    headers: withKey('api-key', asked.key),
    body: { max_tokens: MOST_TOKENS, ...bodyOf(asked) },
  }),
  read,
}
