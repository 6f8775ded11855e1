// countersign relay serve: each message to a program on its standard input, what it prints back as the answer, from behind NAT. The program gets no key; one that fails gives its
// message back for later.
import { spawn } from 'node:child_process'
import { type RelayResponse, type ServedMessage, serveRelay } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { plain } from './output.ts'
import type { Door } from './tasks.ts'
import { parseNumber, parseSeconds } from './words.ts'

type ServeWords = { exec: string; concurrency: string; lease: string; skills?: string }
const MOST_BYTES = 8 * 1024 * 1024

export function serveCommands(group: Command, door: Door): void {
  group
    .command('serve <agent>')
    .description('answer the messages of an agent by a program: each as JSON on its stdin, its stdout is the reply')
    .requiredOption(
      '--exec <command>',
      'for the shell; prints a text, or a JSON object as the API takes it, or nothing: answered later',
    )
    .option('--concurrency <n>', 'how many at a time', '1')
    .option('--lease <duration>', 'whoever vanishes keeps its messages from others for so long', '60s')
    .option('--skills <list>', 'only messages for these skills')
    .action(async (agent: string, { exec, concurrency, lease, skills }: ServeWords) => {
      const { stderr } = door.output()
      const worker = serveRelay({
        ...{ client: door.client(), agent, concurrency: parseNumber('--concurrency', concurrency) },
        leaseSeconds: parseSeconds('--lease', lease),
        ...(skills === undefined ? {} : { skills: skills.split(',') }),
        handler: async (one) => {
          stderr(`${one.thread.id}  ${one.message.id}  ${plain(one.thread.caller.label)}\n`)
          return responseOf(await answerOf(exec, one))
        },
        onError: (error, { message }) => stderr(`${message.id}  ${plain((error as Error).message)}\n`),
        onStale: ({ message }) => stderr(`${message.id}  was answered elsewhere, or its thread has ended\n`),
      })
      const stop = () => void worker.stop()
      process.once('SIGINT', stop)
      try {
        await worker.done
      } finally {
        process.removeListener('SIGINT', stop)
      }
    })
}

/** What the program printed. */
function answerOf(command: string, { message, thread, signal }: ServedMessage): Promise<string> {
  const { COUNTERSIGN_KEY: _own, ...env } = processContext().env
  return new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, env, stdio: ['pipe', 'pipe', 'inherit'], signal })
    const chunks: Buffer[] = []
    let bytes = 0
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= MOST_BYTES) chunks.push(chunk)
      else child.kill()
    })
    child.on('error', reject)
    child.on('close', (code, by) =>
      code === 0 ? resolve(Buffer.concat(chunks).toString('utf8')) : reject(new Error(`the program ended with ${code ?? by}`)),
    )
    // It may end without reading what it was given.
    child.stdin.on('error', () => undefined)
    child.stdin.end(`${JSON.stringify({ message, thread })}\n`)
  })
}

const MEMBERS = ['outcome', 'text', 'data', 'parts', 'artifacts', 'error']

/** An object with members of an answer is one; everything else is a text. */
function responseOf(printed: string): RelayResponse | string | undefined {
  const text = printed.trim()
  if (text === '') return undefined
  if (text.startsWith('{'))
    try {
      const value = JSON.parse(text) as Record<string, unknown>
      if (Object.keys(value).every((name) => MEMBERS.includes(name))) return value as RelayResponse
    } catch {
      // A text that begins with a brace.
    }
  return text
}
