// Whose runs `countersign run` opens where nobody is named: chosen once for each server by `countersign agents use`, and kept in a file of one's own. Holds ids, and no key.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Countersign } from '@countersign/sdk'
import { type Environment, processContext } from '../main/config.ts'
import { profilesFile } from './profiles.ts'

type Settings = Countersign['settings']

const fileOf = (env: Environment): string => join(dirname(profilesFile(env)), 'agents.json')

function readAll(env: Environment): Record<string, string> {
  try {
    const all = JSON.parse(readFileSync(fileOf(env), 'utf8')) as unknown
    return typeof all === 'object' && all !== null && !Array.isArray(all) ? (all as Record<string, string>) : {}
  } catch (error) {
    // A choice that cannot be read is no choice: `run` then asks for --agent.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** Undefined: nobody was chosen, or an agent calls, which says it already: with a key of its own, or with its key pair and no key at all. */
export function usedAgent({ url, key }: Settings): string | undefined {
  return key === null || /^cs_(?:live|test)_agt_/.test(key) ? undefined : readAll(processContext().env)[url]
}

/** Whole or not at all: another command may be reading. */
export function useAgent({ url }: Settings, id: string): void {
  const { env } = processContext()
  const file = fileOf(env)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, `${JSON.stringify({ ...readAll(env), [url]: id }, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
