// Lines that a person types, or a script pipes in: prompts go to stderr, so that stdout holds the result alone. Never echoes what was typed.
import { createInterface, type Interface } from 'node:readline'
import { usage } from './output.ts'

let terminal: Interface | null = null
const lines: string[] = []
const waiting: { resolve(line: string): void; reject(error: Error): void }[] = []
let ended = false

/** Kept for the whole command: what was piped in at once is several answers. */
function open(): Interface {
  if (terminal) return terminal
  terminal = createInterface({ input: process.stdin, terminal: false })
  terminal.on('line', (line) => {
    const next = waiting.shift()
    if (next) next.resolve(line)
    else lines.push(line)
  })
  terminal.on('close', () => {
    ended = true
    for (const { reject } of waiting.splice(0)) reject(inputEnded())
  })
  return terminal
}

const inputEnded = () => usage('The input ended before the last question: nothing was sent.')

export async function askTerminal(question: string): Promise<string> {
  const from = open()
  process.stderr.write(question)
  const line = lines.shift() ?? (await nextLine(from))
  return line.trim()
}

async function nextLine(from: Interface): Promise<string> {
  if (ended) throw inputEnded()
  from.resume()
  try {
    return await new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }))
  } finally {
    // Nothing is awaited from it now, so it does not keep the command alive.
    if (!ended) from.pause()
  }
}
