// A child behind a process of ours that says on descriptor 3 how it goes (tell.ts): started with what stands around it, sent the command's signals, its end believed as
// it was told.
import { type ChildOptions, type Ended, NotStarted, passSignals, startChild } from './child.ts'
import type { Streams } from './streams.ts'
import type { Said, SaidLast } from './tell.ts'

export type ToldOptions = Omit<ChildOptions, 'stdio'> & {
  streams: Streams
  /** What is said when the outermost program is not there, or never came to the child. */
  missing: string
  failed: string
}

const NO_SCRIPT =
  '--mask keeps a terminal for the command by `script`, a part of util-linux (bsdutils) that is not there; without it, lead what the command says elsewhere: … 2>&1 | cat'
const NO_TERMINAL = '--mask: `script` could make no terminal for the command.'

export async function startTold(command: readonly string[], options: ToldOptions): Promise<{ ended: Promise<Ended> }> {
  const { streams, missing, failed, grouping, ...rest } = options
  const [input = 'inherit', output = 'inherit', error = 'inherit', , ...more] = streams.stdio
  const signals = streams.isTerminal ? passSignals('terminal') : null
  const child = await startChild(streams.around(command, options.env.SHELL), {
    ...rest,
    ...(streams.isTerminal ? { env: { ...options.env, SHELL: '/bin/sh' } } : {}),
    // In a terminal of its own it is told by us alone.
    grouping: streams.isTerminal ? 'told' : grouping,
    stdio: [input, output, error, 'pipe', ...more],
  }).catch((cause: unknown) => {
    signals?.forget()
    throw new NotStarted(125, streams.isTerminal ? NO_SCRIPT : missing, { cause })
  })
  streams.started()
  const lines = linesOf(child.process.stdio[3] as NodeJS.ReadableStream)
  const first = (await lines.next()).value as Said | undefined
  if (!first?.started) {
    await child.ended
    signals?.forget()
    throw new NotStarted(first?.exit ?? 125, first?.message ?? (streams.isTerminal ? NO_TERMINAL : failed))
  }
  signals?.to(first.pid)
  const ending = async (): Promise<Ended> => {
    const last = (await lines.next()).value as SaidLast | undefined
    const how = await child.ended
    signals?.forget()
    // `script` knows numbers alone.
    return last?.ended ?? how
  }
  return { ended: ending() }
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<unknown> {
  let text = ''
  for await (const chunk of stream) {
    text += chunk
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n')) {
      yield JSON.parse(text.slice(0, at))
      text = text.slice(at + 1)
    }
  }
}
