// One question to one model, through the door (T127, T130, T131): the reply capped, read in its provider's form, judged as a verdict. Every way in which no
// verdict came is a fault with a name; what the provider said about it is never repeated. Opens no transaction.
import type { Door } from '../../egress/fetch.ts'
import type { ModelVerifier } from './config.ts'
import { type Prompt, promptOf, type Question } from './prompt.ts'
import type { Access } from './provider-key.ts'
import { anthropic } from './providers/anthropic.ts'
import { gemini } from './providers/gemini.ts'
import { azureOpenai, openai, openaiCompatible } from './providers/openai.ts'
import { isObject, type Provider, parsed } from './providers/provider.ts'
import type { Spent } from './sql.ts'
import { readVerdict, type Verdict } from './verdict.ts'

const PROVIDERS: Record<ModelVerifier['provider'], Provider> = {
  anthropic,
  openai,
  gemini,
  azure_openai: azureOpenai,
  openai_compatible: openaiCompatible,
}

const REPLY_BYTES = 65_536
const CONNECTIONS = 16

/** `afterMs`: the provider said when it wants to be asked again. */
export type Answered = { verdict: Verdict; spent: Spent } | { fault: string; spent: Spent; afterMs: number | null }

type Way = { door: Door; tenantId: string; signal?: AbortSignal }

export async function askModel(way: Way, verifier: ModelVerifier, access: Access, question: Question): Promise<Answered> {
  const prompt = promptOf(question)
  const answered = await ask(way, verifier, access, prompt, true)
  // Newer models take no temperature and say so; then it cannot be set.
  return 'fault' in answered && answered.fault === 'temperature' ? ask(way, verifier, access, prompt, false) : answered
}

async function ask(way: Way, verifier: ModelVerifier, access: Access, prompt: Prompt, temperature: boolean): Promise<Answered> {
  const provider = PROVIDERS[verifier.provider]
  const { url, headers, body } = provider.request({
    prompt,
    model: verifier.model ?? verifier.deployment ?? '',
    deployment: verifier.deployment,
    apiVersion: verifier.api_version,
    base: access.base_url,
    key: access.key?.reveal() ?? null,
    temperature,
  })
  const ms = verifier.timeout_seconds * 1_000
  const answer = await way.door.fetch({
    tenantId: way.tenantId,
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
    caps: { headersMs: ms, idleMs: ms, wholeMs: ms, bodyBytes: REPLY_BYTES },
    pool: { name: 'verifiers', connections: CONNECTIONS },
    signal: way.signal,
  })
  if ('failed' in answer) return faulty(answer.failed)
  const text = answer.body.toString('utf8')
  if (answer.status < 200 || answer.status > 299) {
    if (temperature && answer.status === 400 && /temperature/i.test(text)) return faulty('temperature')
    return faulty(`status_${answer.status}`, retryAfter(answer.headers['retry-after']))
  }
  const reply = parsed(text)
  if (!isObject(reply)) return faulty('bad_reply')
  const { verdict, inputTokens, outputTokens } = provider.read(reply)
  const spent = { input_tokens: inputTokens, output_tokens: outputTokens, cost: costOf(access, inputTokens, outputTokens) }
  const read = readVerdict(verdict)
  return read
    ? { verdict: prompt.wantsParsed ? read : { ...read, parsed_response: null }, spent }
    : { fault: 'bad_reply', spent, afterMs: null }
}

const NOTHING: Spent = { input_tokens: 0, output_tokens: 0, cost: null }
const faulty = (fault: string, afterMs: number | null = null): Answered => ({ fault, spent: NOTHING, afterMs })

const LONGEST_PAUSE_S = 300

function retryAfter(header: string | string[] | undefined): number | null {
  const seconds = Number([header].flat()[0])
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, LONGEST_PAUSE_S) * 1_000 : null
}

const costOf = ({ prices }: Access, input: number, output: number): number | null =>
  prices === null ? null : (input * prices[0] + output * prices[1]) / 1_000_000
