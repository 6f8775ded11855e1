// How commands speak: results on stdout, everything else on stderr; with `--json` one object with `"v":1`, which says what the API answered or, of a failure, why.
// Knows no command.
import { Problem } from '@countersign/sdk'
import { CommanderError } from 'commander'
import { ConfigRefused } from '../main/config.ts'
import { BootRefused } from '../main/refused.ts'
import { type Exit, exitOfCode } from './exit-codes.ts'

/** `stderr` takes notes and progress, which --quiet silences; failures are always said. */
export type Output = { json: boolean; stdout: (text: string) => void; stderr: (text: string) => void }

/** One result: as JSON what it is, else the text made of it. */
export function print<T>(output: Output, value: T, text: (value: T) => string): void {
  output.stdout(output.json ? asLine(value) : ensureLine(text(value)))
}

/** V123: one object. A list that has no object around it gets one. */
export const asLine = (value: unknown): string =>
  `${JSON.stringify(Array.isArray(value) ? { v: 1, data: value } : { v: 1, ...(value as object) })}\n`

const ensureLine = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)

/** Columns as wide as their widest cell; an empty list says so instead of printing a head alone. */
export function table(rows: readonly (readonly string[])[], head: readonly string[], none: string): string {
  if (rows.length === 0) return `${none}\n`
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return `${all.map(line).join('\n')}\n`
}

/** Control characters of text that others wrote would steer the terminal: they are shown, not sent. */
export const plain = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (char) =>
    char === '\n' ? ' ' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** The same of several lines. */
export const plainLines = (text: string): string => text.split('\n').map(plain).join('\n')

/** The words of a command were wrong, or nobody is there to be asked (2). */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

export const usage = (message: string): UsageError => new UsageError(message)

/** Somebody was asked and did not say yes (11). */
export class GivenUp extends Error {
  constructor(message = 'Nothing was done.') {
    super(message)
    this.name = 'GivenUp'
  }
}

/** The same problem, where a command knows better what its number is: what was not found is a connection, or a provider. */
export class EndsWith extends Error {
  readonly exit: Exit
  readonly problem: Problem

  constructor(exit: Exit, problem: Problem) {
    super(problem.message, { cause: problem })
    this.name = 'EndsWith'
    this.exit = exit
    this.problem = problem
  }
}

/** What is not there has a number of its own: 3 a connection, 4 a provider. */
export async function missingIs<T>(exit: 3 | 4, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof Problem && error.code === 'not_found') throw new EndsWith(exit, error)
    throw error
  }
}

/** Null: not for this key to read. */
export async function unlessRefused<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof Problem && (error.code === 'forbidden' || error.code === 'scope_missing')) return null
    throw error
  }
}

/** V124, for whatever ended a command. */
export function exitCode(error: unknown): Exit {
  if (error instanceof EndsWith) return error.exit
  if (error instanceof UsageError || error instanceof CommanderError) return 2
  if (error instanceof GivenUp) return 11
  if (error instanceof ConfigRefused || error instanceof BootRefused) return 78
  // By its name: the engine is not loaded for a command that never meets it.
  if (error instanceof Error && error.name === 'QueueError' && 'code' in error && error.code === 'schema_mismatch') return 78
  return error instanceof Problem ? (exitOfCode(error.code) ?? 1) : 1
}

/** Says why on stderr, in a sentence; with --json also on stdout, as an object. */
export function printError(output: Output, error: unknown, say = (text: string) => void process.stderr.write(text)): void {
  const problem = error instanceof EndsWith ? error.problem : error
  if (output.json) output.stdout(asLine({ error: failureOf(problem) }))
  // The parser of words has said it.
  if (!(problem instanceof CommanderError)) say(sentenceOf(problem))
}

type Failure = { code: string; message: string; status: number | null; request_id: string | null; [member: string]: unknown }

function failureOf(error: unknown): Failure {
  const none = { status: null, request_id: null }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Problem) {
    const { status: state, ...members } = error.members
    const more = state === undefined ? members : { state, ...members }
    const { code, title, status, requestId } = error
    return { ...more, code, message: error.message, title, status: status || null, request_id: requestId }
  }
  if (error instanceof UsageError || error instanceof CommanderError) return { code: 'usage', message, ...none }
  if (error instanceof GivenUp) return { code: 'given_up', message, ...none }
  if (error instanceof ConfigRefused || error instanceof BootRefused)
    return { code: 'settings_refused', message: error.lines.join(' '), ...none }
  return { code: 'unexpected', message, ...none }
}

function sentenceOf(error: unknown): string {
  if (error instanceof ConfigRefused || error instanceof BootRefused)
    return `countersign: it cannot start like this:\n${error.lines.map((line) => `  ${line}\n`).join('')}`
  if (!(error instanceof Problem)) return `countersign: ${error instanceof Error ? error.message : String(error)}\n`
  const fields = (error.members.errors ?? []).map(({ path, message }) => `  ${path}: ${message}\n`)
  const detail = typeof error.members.detail === 'string' ? ` ${error.members.detail}` : ''
  // What the hint calls by its name.
  const needed = typeof error.members.needed === 'string' ? `  needed: ${plain(error.members.needed)}\n` : ''
  return `countersign: ${error.title}.${detail}\n${fields.join('')}${needed}  ${error.hint}\n`
}
