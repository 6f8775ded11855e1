// The texts that ship with the build: the set a tenant starts with (P70) and the guardrails of the installation. Read once; never changed by a running server.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../std/package-root.ts'

const shipped = (name: string): string =>
  readFileSync(join(packageRoot(import.meta.url), 'data', 'policies', `${name}.cedar`), 'utf8')

let starting: string | undefined

export function startingText(): string {
  starting ??= shipped('starting')
  return starting
}

let loose: string | undefined

/** For a tenant that wants its grants alone to decide what goes through the proxy (vault.md V18). */
export function looseText(): string {
  loose ??= shipped('loose')
  return loose
}

/** With what a host adds in a file of their own. */
export const guardrailsText = (file?: string | null): string =>
  file ? `${shipped('guardrails')}\n${readFileSync(file, 'utf8')}` : shipped('guardrails')
