// Lines that a person types, or a script pipes in: prompts go to stderr, so that stdout holds the result alone. Never echoes what was typed.
import { createInterface, type Interface } from 'node:readline'
import { GivenUp, usage } from './output.ts'

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

/** Ctrl-C ends `act` by its signal, and `interrupted` says what that means. */
export async function whenInterrupted<T>(
  act: (signal: AbortSignal) => Promise<T>,
  interrupted: () => Promise<never>,
): Promise<T> {
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  process.once('SIGINT', onSignal)
  try {
    return await act(stop.signal)
  } catch (error) {
    if (stop.signal.aborted) return await interrupted()
    throw error
  } finally {
    process.off('SIGINT', onSignal)
  }
}

/** Nothing that is typed is shown. Without a terminal it is a fault of the words: `flags` name what to use instead. */
export async function askHidden(question: string, flags: string): Promise<string> {
  const { stdin } = process
  if (!stdin.isTTY) throw usage(`This asks for a secret, and nobody is here to type it: use ${flags}.`)
  // Before the question is seen: whoever types at once is not shown either.
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  process.stderr.write(question)
  try {
    return await new Promise<string>((resolve, reject) => {
      let typed = ''
      const onData = (chunk: string) => {
        for (const char of chunk) {
          const isEnd = char === '\r' || char === '\n'
          if (isEnd || char === '\u0003' || char === '\u0004') {
            stdin.off('data', onData)
            stdin.pause()
            return isEnd ? resolve(typed) : reject(new GivenUp())
          }
          typed = char === '\u007f' || char === '\b' ? typed.slice(0, -1) : typed + char
        }
      }
      stdin.on('data', onData)
      stdin.resume()
    })
  } finally {
    stdin.setRawMode(false)
    process.stderr.write('\n')
  }
}
