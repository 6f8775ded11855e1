// The port to a KMS or HSM (V64), and its adapter for any of them: a program that is asked over its standard input, one JSON object a question.
// Never puts a key into an argument, an environment or a log, and never takes an answer that is not a key.
import { spawn } from 'node:child_process'

/** Whose key and which version of it: passed on as encryption context, or bound in as associated data. */
export type KmsContext = { tenant: string; version: number }

export type Kms = {
  wrap(key: Buffer, context: KmsContext): Promise<Buffer>
  unwrap(bytes: Buffer, context: KmsContext): Promise<Buffer>
  /** Which key of which KMS, as it says itself; no secret. */
  id(): string
  /** Throws when it cannot be asked. */
  check(): Promise<void>
}

export class KmsError extends Error {
  constructor(sentence: string, options?: { cause?: unknown }) {
    super(sentence, options)
    this.name = 'KmsError'
  }
}

/** In a fixed order, so that the same context is always the same bytes. */
export const contextText = ({ tenant, version }: KmsContext): string => JSON.stringify({ tenant, version })

const KEY_BYTES = 32
const LARGEST = 8_192
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

export function readBytes(text: unknown, what: 'key' | 'wrapped'): Buffer {
  const bytes = typeof text === 'string' && BASE64.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0)
  if (what === 'key' ? bytes.length !== KEY_BYTES : bytes.length === 0 || bytes.length > LARGEST)
    throw new KmsError(`The KMS answered without ${what === 'key' ? 'a key of 32 bytes' : 'a wrapped key'}.`)
  return bytes
}

const ANSWER_MS = 10_000
const ANSWER_BYTES = 65_536

/** `exec:<program>`: started once a question, so that a program that hangs or dies harms one question. */
export function execKms(program: string, timeoutMs = ANSWER_MS): Kms {
  const ask = (question: Record<string, unknown>) => run(program, `${JSON.stringify({ v: 1, ...question })}\n`, timeoutMs)
  return {
    wrap: async (key, context) => readBytes((await ask({ op: 'wrap', key: key.toString('base64'), context })).wrapped, 'wrapped'),
    unwrap: async (bytes, context) =>
      readBytes((await ask({ op: 'unwrap', wrapped: bytes.toString('base64'), context })).key, 'key'),
    id: () => `exec:${program}`,
    check: async () => void (await ask({ op: 'check' })),
  }
}

function run(program: string, question: string, timeoutMs: number): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    // Its own environment is the operator's business: credentials of a cloud KMS usually come that way.
    const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    const said: Buffer[] = []
    let bytes = 0
    const fail = (sentence: string, cause?: unknown) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new KmsError(sentence, { cause }))
    }
    const timer = setTimeout(() => fail(`The program ${program} did not answer within ${timeoutMs} ms.`), timeoutMs)
    child.on('error', (error) => fail(`The program ${program} cannot be started.`, error))
    child.stdin.on('error', (error) => fail(`The program ${program} did not read the question.`, error))
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > ANSWER_BYTES) fail(`The program ${program} answered more than ${ANSWER_BYTES} bytes.`)
      else out.push(chunk)
    })
    // Only how much it said: the text may hold what it was asked.
    child.stderr.on('data', (chunk: Buffer) => void said.push(chunk))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const answer = parse(Buffer.concat(out).toString('utf8'))
      if (code === 0 && answer) return resolve(answer)
      const stderr = Buffer.concat(said).length
      reject(
        new KmsError(
          code === 0
            ? `The program ${program} answered something that is no JSON object.`
            : `The program ${program} ended with ${signal ?? code}${stderr > 0 ? ` and ${stderr} bytes of complaint` : ''}.`,
        ),
      )
    })
    child.stdin.end(question)
  })
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
