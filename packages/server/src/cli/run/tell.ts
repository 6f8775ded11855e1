// What a process of ours says that stands between the command and the child, in namespaces of its own or before a terminal of its own: on descriptor 3, a line that the
// child has started or why not, and a line how it ended. Ends as the child did. Loads nothing of the product.
import { writeSync } from 'node:fs'
import { type Ended, NotStarted } from './child.ts'

const TOLD = 3

export type Said = { started: true; pid: number } | { started: false; exit: 125 | 126 | 127; message: string }
export type SaidLast = { ended: Ended }

function say(said: Said | SaidLast): void {
  try {
    writeSync(TOLD, `${JSON.stringify(said)}\n`)
  } catch (error) {
    // Whoever waited outside was killed.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

export const sayStarted = (): void => say({ started: true, pid: process.pid })

export function tell(act: () => Promise<Ended>): void {
  act().then(
    (how) => {
      say({ ended: how })
      endAs(how)
    },
    (error: unknown) => {
      const exit = error instanceof NotStarted ? error.exit : 125
      say({ started: false, exit, message: error instanceof Error ? error.message : String(error) })
      process.exit(exit)
    },
  )
}

/** Whoever waits outside sees the same. */
function endAs({ code, signal }: Ended): void {
  if (signal !== null) process.kill(process.pid, signal)
  else process.exit(code ?? 1)
}
