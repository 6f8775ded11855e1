// Anthropic, Messages API: the verdict is the input of a tool that has to be called (`tool_choice: {type: "tool"}`).
import { verdictSchema } from '../prompt.ts'
import { count, isObject, MOST_TOKENS, member, type Provider, withKey } from './provider.ts'

const TOOL = 'give_verdict'

export const anthropic: Provider = {
  request: ({ prompt, model, base, key, temperature }) => ({
    url: `${base ?? 'https://api.anthropic.com'}/v1/messages`,
    headers: { 'anthropic-version': '2023-06-01', ...withKey('x-api-key', key) },
    body: {
      model,
      max_tokens: MOST_TOKENS,
      ...(temperature ? { temperature: 0 } : {}),
      system: prompt.system,
      messages: [{ role: 'user', content: [{ type: 'text', text: prompt.user }] }],
      tools: [{ name: TOOL, description: 'Gives the verdict on the answer.', input_schema: verdictSchema(prompt.wantsParsed) }],
      tool_choice: { type: 'tool', name: TOOL, disable_parallel_tool_use: true },
    },
  }),
  read({ content, usage }) {
    const blocks = Array.isArray(content) ? content.filter(isObject) : []
    const call = blocks.find((block) => block.type === 'tool_use' && block.name === TOOL)
    return {
      verdict: call?.input ?? null,
      inputTokens: count(member(usage, 'input_tokens')),
      outputTokens: count(member(usage, 'output_tokens')),
    }
  },
}
