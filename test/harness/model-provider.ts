// A provider of models on this machine that speaks four published APIs and takes nothing else: every member of a request is held against the form that its
// documentation gives (Messages API of Anthropic 2023-06-01, Chat Completions of OpenAI and of Azure, generateContent of Gemini). What it answers is told by the test.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import * as z from 'zod'

export type Spoken = 'anthropic' | 'openai' | 'azure_openai' | 'gemini' | 'openai_compatible'

/** What it was asked, in one form whatever API was spoken. */
export type Heard = {
  api: Spoken
  model: string
  system: string
  user: string
  temperature: number | null
  key: string | null
  headers: IncomingHttpHeaders
  wantsParsed: boolean
}

export type Verdict = {
  passed: boolean
  reason?: string
  field_errors?: { path: string; message: string }[]
  parsed_response?: string
}
/** A verdict, anything else as a verdict, a status, a body as it is, or silence. */
export type Says =
  | Verdict
  | { status: number; headers?: Record<string, string>; body?: string }
  | { as: unknown }
  | { raw: string }
  | 'hang'

export type ModelProvider = {
  origin: string
  port: number
  heard: Heard[]
  /** One after the other, then `otherwise`. */
  says: Says[]
  otherwise: Says
  /** Requests that did not have the published form. */
  wrong: string[]
  /** How many are waiting for it now. */
  held(): number
  /** Lets them go without an answer. */
  drop(): void
}

// Strict subset of JSON Schema that strict modes take: every property required, nothing else allowed, and only these keywords.
const Leaf = z.strictObject({ type: z.enum(['string', 'boolean', 'number', 'integer']), description: z.string().optional() })
type Strict =
  | z.infer<typeof Leaf>
  | { type: 'array'; items: Strict }
  | { type: 'object'; properties: Record<string, Strict>; required: string[] }
const StrictSchema: z.ZodType<Strict> = z.lazy(() =>
  z.union([
    Leaf,
    z.strictObject({ type: z.literal('array'), items: StrictSchema, description: z.string().optional() }),
    z
      .strictObject({
        type: z.literal('object'),
        properties: z.record(z.string(), StrictSchema),
        required: z.array(z.string()),
        additionalProperties: z.literal(false),
        description: z.string().optional(),
      })
      .refine(({ properties, required }) => Object.keys(properties).every((name) => required.includes(name)), 'all required'),
  ]),
)
type OpenApi =
  | { type: 'STRING' | 'BOOLEAN' | 'NUMBER' | 'INTEGER'; description?: string | undefined }
  | { type: 'ARRAY'; items: OpenApi }
  | { type: 'OBJECT'; properties: Record<string, OpenApi>; required: string[] }
const OpenApiSchema: z.ZodType<OpenApi> = z.lazy(() =>
  z.union([
    z.strictObject({ type: z.enum(['STRING', 'BOOLEAN', 'NUMBER', 'INTEGER']), description: z.string().optional() }),
    z.strictObject({ type: z.literal('ARRAY'), items: OpenApiSchema }),
    z.strictObject({ type: z.literal('OBJECT'), properties: z.record(z.string(), OpenApiSchema), required: z.array(z.string()) }),
  ]),
)

const temperature = z.number().min(0).max(2).optional()
const Anthropic = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.int().min(1),
  temperature: z.number().min(0).max(1).optional(),
  system: z.string(),
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['user', 'assistant']),
        content: z.array(z.strictObject({ type: z.literal('text'), text: z.string().min(1) })),
      }),
    )
    .min(1),
  tools: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
        description: z.string().optional(),
        input_schema: z.looseObject({ type: z.literal('object'), properties: z.record(z.string(), z.unknown()) }),
      }),
    )
    .min(1),
  tool_choice: z.strictObject({ type: z.literal('tool'), name: z.string(), disable_parallel_tool_use: z.boolean().optional() }),
})
const Chat = {
  messages: z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant', 'developer']), content: z.string() })).min(1),
  temperature,
  response_format: z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
      description: z.string().optional(),
      strict: z.literal(true),
      schema: StrictSchema,
    }),
  }),
}
const OpenAi = z.strictObject({ model: z.string().min(1), max_completion_tokens: z.int().min(1), ...Chat })
const Compatible = z.strictObject({ model: z.string().min(1), max_tokens: z.int().min(1), ...Chat })
const Azure = z.strictObject({ max_tokens: z.int().min(1), ...Chat })
const Parts = z.array(z.strictObject({ text: z.string().min(1) })).min(1)
const Gemini = z.strictObject({
  systemInstruction: z.strictObject({ parts: Parts }),
  contents: z.array(z.strictObject({ role: z.enum(['user', 'model']), parts: Parts })).min(1),
  generationConfig: z.strictObject({
    temperature,
    maxOutputTokens: z.int().min(1),
    responseMimeType: z.literal('application/json'),
    responseSchema: OpenApiSchema,
  }),
})

type Call = { path: string; headers: IncomingHttpHeaders; body: unknown }
const one = (header: string | string[] | undefined): string | null => [header].flat()[0] ?? null
const bearer = (headers: IncomingHttpHeaders) => headers.authorization?.replace(/^Bearer /, '') ?? null

function hear({ path, headers, body }: Call): Heard {
  if (path === '/v1/messages') {
    const sent = Anthropic.parse(body)
    if (one(headers['anthropic-version']) !== '2023-06-01') throw new Error('anthropic-version')
    if (!sent.tools.some(({ name }) => name === sent.tool_choice.name)) throw new Error('tool_choice names no tool')
    const properties = sent.tools[0]?.input_schema.properties ?? {}
    const user = sent.messages.flatMap(({ content }) => content.map(({ text }) => text)).join('\n')
    const wantsParsed = 'parsed_response' in properties
    const asked = { model: sent.model, system: sent.system, user, temperature: sent.temperature ?? null, wantsParsed }
    return { api: 'anthropic', ...asked, key: one(headers['x-api-key']), headers }
  }
  const gemini = /^\/v1beta\/models\/([^/:]+):generateContent$/.exec(path)
  if (gemini) {
    const { systemInstruction, contents, generationConfig } = Gemini.parse(body)
    const textOf = (parts: { text: string }[]) => parts.map(({ text }) => text).join('')
    const user = contents.map(({ parts }) => textOf(parts)).join('\n')
    const wantsParsed = JSON.stringify(generationConfig.responseSchema).includes('parsed_response')
    const asked = { model: gemini[1] as string, system: textOf(systemInstruction.parts), user, wantsParsed }
    const key = one(headers['x-goog-api-key'])
    return { api: 'gemini', ...asked, temperature: generationConfig.temperature ?? null, key, headers }
  }
  const azure = /^\/openai\/deployments\/([^/]+)\/chat\/completions\?api-version=\d{4}-\d\d-\d\d(?:-preview)?$/.exec(path)
  if (azure) return chat('azure_openai', Azure.parse(body), azure[1] as string, one(headers['api-key']), headers)
  if (path === '/v1/chat/completions') {
    const sent = OpenAi.parse(body)
    return chat('openai', sent, sent.model, bearer(headers), headers)
  }
  if (path === '/own/chat/completions') {
    const sent = Compatible.parse(body)
    return chat('openai_compatible', sent, sent.model, bearer(headers), headers)
  }
  throw new Error(`no API stands at ${path}`)
}

type ChatBody = Omit<z.infer<typeof Azure>, 'max_tokens'>
function chat(api: Spoken, sent: ChatBody, model: string, key: string | null, headers: IncomingHttpHeaders): Heard {
  const textOf = (role: string) =>
    sent.messages
      .filter((message) => message.role === role)
      .map(({ content }) => content)
      .join('\n')
  const wantsParsed = JSON.stringify(sent.response_format.json_schema.schema).includes('parsed_response')
  const asked = { model, system: textOf('system'), user: textOf('user'), temperature: sent.temperature ?? null, wantsParsed }
  return { api, ...asked, key, headers }
}

const whole = ({ passed, reason = '', field_errors = [], parsed_response }: Verdict) => ({
  passed,
  reason,
  field_errors,
  ...(parsed_response === undefined ? {} : { parsed_response }),
})

/** As the API of each would answer; 120 tokens went in and 30 came out. */
function reply({ api, model }: Heard, verdict: unknown): object {
  if (api === 'anthropic')
    return {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model,
      content: [{ type: 'tool_use', id: 'toolu_1', name: 'give_verdict', input: verdict }],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: { input_tokens: 120, output_tokens: 30 },
    }
  const text = JSON.stringify(verdict)
  if (api === 'gemini')
    return {
      candidates: [{ content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: { promptTokenCount: 120, candidatesTokenCount: 30, totalTokenCount: 150 },
      modelVersion: model,
    }
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: text, refusal: null }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 120, completion_tokens: 30, total_tokens: 150 },
  }
}

export async function openModelProvider(): Promise<ModelProvider> {
  const held: ServerResponse[] = []
  const here: ModelProvider = {
    origin: '',
    port: 0,
    heard: [],
    says: [],
    otherwise: { passed: true },
    wrong: [],
    held: () => held.filter((response) => !response.destroyed).length,
    drop: () => void held.splice(0).map((response) => response.destroy()),
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const send = (status: number, body: string, headers: Record<string, string> = {}) =>
        void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
      let heard: Heard
      try {
        if (request.method !== 'POST' || !/^application\/json\b/.test(request.headers['content-type'] ?? ''))
          throw new Error('not a POST of JSON')
        const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown
        heard = hear({ path: request.url ?? '/', headers: request.headers, body })
      } catch (error) {
        here.wrong.push(`${request.url} ${String(error)}`)
        return send(400, JSON.stringify({ error: { type: 'invalid_request_error', message: String(error) } }))
      }
      here.heard.push(heard)
      const says = here.says.shift() ?? here.otherwise
      if (says === 'hang') return void held.push(response)
      if ('status' in says) return send(says.status, says.body ?? '{}', says.headers)
      if ('raw' in says) return send(200, says.raw)
      send(200, JSON.stringify(reply(heard, 'as' in says ? says.as : whole(says))))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    here.drop()
    server.closeAllConnections()
    return new Promise<void>((resolve) => void server.close(() => resolve()))
  })
  here.port = (server.address() as AddressInfo).port
  here.origin = `http://127.0.0.1:${here.port}`
  return here
}
