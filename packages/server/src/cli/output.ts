// How commands speak: results on stdout, everything else on stderr; `--json` prints what the API answered, one value. Knows no command.
import { Problem } from '@countersign/sdk'
import { ConfigRefused } from '../main/config.ts'
import { BootRefused } from '../main/refused.ts'

export type Output = { json: boolean; stdout: (text: string) => void; stderr: (text: string) => void }

/** One result: as JSON what it is, else the text made of it. */
export function print<T>(output: Output, value: T, text: (value: T) => string): void {
  output.stdout(output.json ? `${JSON.stringify(value)}\n` : ensureLine(text(value)))
}

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

/** What the vault refuses ends a command with a number of its own (V124). */
const BY_CODE: Readonly<Record<string, number>> = {
  connection_exists: 6,
  provider_exists: 7,
  same_person: 14,
  definition_invalid: 16,
  confirmation_required: 19,
}

/** Ends of a command by code: 2 the words were wrong, 69 nobody answered, 77 not allowed, 78 settings or a schema that does not fit, 1 everything else. */
export function exitCode(error: unknown): number {
  if (error instanceof ConfigRefused || error instanceof BootRefused) return 78
  // By its name: the engine is not loaded for a command that never meets it.
  if (error instanceof Error && error.name === 'QueueError' && 'code' in error && error.code === 'schema_mismatch') return 78
  if (!(error instanceof Problem)) return 1
  if (error.code === 'settings_invalid') return 78
  if (error.code === 'server_unreachable') return 69
  const own = BY_CODE[error.code]
  if (own !== undefined) return own
  return error.status === 401 || error.status === 403 ? 77 : 1
}

export function printError(output: Output, error: unknown): void {
  if (error instanceof ConfigRefused || error instanceof BootRefused) {
    output.stderr(`countersign: it cannot start like this:\n${error.lines.map((line) => `  ${line}\n`).join('')}`)
    return
  }
  if (!(error instanceof Problem)) {
    output.stderr(`countersign: ${error instanceof Error ? error.message : String(error)}\n`)
    return
  }
  if (output.json) output.stdout(`${JSON.stringify({ code: error.code, title: error.title, ...error.members })}\n`)
  const fields = (error.members.errors ?? []).map(({ path, message }) => `  ${path}: ${message}\n`)
  const detail = typeof error.members.detail === 'string' ? ` ${error.members.detail}` : ''
  output.stderr(`countersign: ${error.title}.${detail}\n${fields.join('')}  ${error.hint}\n`)
}
