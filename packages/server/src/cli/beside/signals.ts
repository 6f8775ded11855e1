// How a process in the foreground ends: by a signal, by what it is told, or because a newer version has taken its database over. A second signal ends it at once.
import type { Running } from '../../main/boot.ts'

/** Ends the process, with running work done: on a signal, when what it answers is called, and with 78 when a newer version has taken the database over (Q144). */
export function endOnSignal(
  running: Pick<Running, 'close'> & Partial<Pick<Running, 'outdated'>>,
  last: () => Promise<void> = () => Promise.resolve(),
): () => void {
  let ending = false
  const end = (code: number) => {
    ending = true
    running
      .close()
      .then(last)
      .then(
        () => process.exit(code),
        (error: unknown) => {
          process.stderr.write(`countersign: it did not end cleanly: ${error instanceof Error ? error.message : String(error)}\n`)
          process.exit(code || 1)
        },
      )
  }
  const onSignal = () => {
    if (ending) process.exit(130)
    end(0)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  void running.outdated?.then((sentence) => {
    if (ending) return
    process.stderr.write(`countersign: ${sentence}\n`)
    end(78)
  })
  return () => {
    if (!ending) end(0)
  }
}
