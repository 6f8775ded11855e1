// Gemini, generateContent: the verdict is JSON by `responseMimeType` and `responseSchema`, which is OpenAPI's dialect of schemas and no JSON Schema.
import { count, first, isObject, MOST_TOKENS, member, type Provider, parsed, withKey } from './provider.ts'

const schema = (wantsParsed: boolean) => ({
  type: 'OBJECT',
  properties: {
    passed: { type: 'BOOLEAN', description: 'Whether the answer satisfies the instructions.' },
    reason: { type: 'STRING', description: 'Why not; empty when it does.' },
    field_errors: {
      type: 'ARRAY',
      items: {
        type: 'OBJECT',
        properties: { path: { type: 'STRING' }, message: { type: 'STRING' } },
        required: ['path', 'message'],
      },
    },
    ...(wantsParsed
      ? { parsed_response: { type: 'STRING', description: 'The JSON text of the answer as an object; empty when refused.' } }
      : {}),
  },
  required: ['passed', 'reason', 'field_errors', ...(wantsParsed ? ['parsed_response'] : [])],
})

export const gemini: Provider = {
  request: ({ prompt, model, base, key, temperature }) => ({
    url: `${base ?? 'https://generativelanguage.googleapis.com'}/v1beta/models/${encodeURIComponent(model)}:generateContent`,
    headers: withKey('x-goog-api-key', key),
    body: {
      systemInstruction: { parts: [{ text: prompt.system }] },
      contents: [{ role: 'user', parts: [{ text: prompt.user }] }],
      generationConfig: {
        ...(temperature ? { temperature: 0 } : {}),
        maxOutputTokens: MOST_TOKENS,
        responseMimeType: 'application/json',
        responseSchema: schema(prompt.wantsParsed),
      },
    },
  }),
  read({ candidates, usageMetadata }) {
    const parts = member(first(candidates).content, 'parts')
    const texts = (Array.isArray(parts) ? parts : []).filter((part) => isObject(part) && part.thought !== true)
    return {
      verdict: parsed(texts.map((part) => member(part, 'text') ?? '').join('')),
      inputTokens: count(member(usageMetadata, 'promptTokenCount')),
      outputTokens: count(member(usageMetadata, 'candidatesTokenCount')) + count(member(usageMetadata, 'thoughtsTokenCount')),
    }
  },
}
