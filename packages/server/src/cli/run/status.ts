// What `--status-fd` is told (V124): one line of JSON, so that a code of the child and one of the command are never mistaken for each other.
import { fstatSync, writeSync } from 'node:fs'
import { Problem } from '@countersign/sdk'
import { EndsWith } from '../output.ts'
import { type Ended, NotStarted } from './child.ts'

export type Status = { ended(how: Ended): void; failed(error: unknown): void }

export function openStatus(fd: number | null): Status {
  if (fd !== null) mustBeOpen(fd)
  const write = (value: object): void => {
    if (fd !== null) writeSync(fd, `${JSON.stringify({ v: 1, ...value })}\n`)
  }
  return {
    ended: ({ code, signal }) => write({ started: true, child: { code, signal }, error: null }),
    failed: (error) => write({ started: false, child: null, error: errorOf(error) }),
  }
}

function mustBeOpen(fd: number): void {
  try {
    fstatSync(fd)
  } catch (cause) {
    throw new NotStarted(125, `--status-fd ${fd}: this file descriptor is not open.`, { cause })
  }
}

function errorOf(thrown: unknown): object {
  const error = thrown instanceof EndsWith ? thrown.problem : thrown
  if (error instanceof Problem)
    return {
      code: error.code,
      message: error.title,
      ...(error.members.request_id ? { request_id: error.members.request_id } : {}),
    }
  const code =
    error instanceof NotStarted
      ? error.exit === 127
        ? 'not_found'
        : error.exit === 126
          ? 'not_executable'
          : 'not_started'
      : 'internal'
  return { code, message: error instanceof Error ? error.message : String(error) }
}
