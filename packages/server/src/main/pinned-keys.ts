// The keys by which the operator knows the cards of others (relay.md R118): a key set for each origin, read once at the start. What is written wrongly stops the start; it never
// stands for "no keys".
import { readFileSync } from 'node:fs'
import { KeyRefused, readJwk } from '../crypto/public-key.ts'
import type { PinnedKeys } from '../relay/delivery/house.ts'

type Jwk = Readonly<Record<string, unknown>>

export function readPinnedKeys(file: string | null): PinnedKeys {
  if (file === null) return () => null
  const byOrigin = new Map(
    Object.entries(parse(file)).map(([origin, set]) => [originOf(file, origin), keysOf(file, origin, set)]),
  )
  return (origin) => byOrigin.get(origin) ?? null
}

function parse(file: string): Record<string, unknown> {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read as Record<string, unknown>
  } catch (error) {
    throw new Error(`COUNTERSIGN_RELAY_CARD_KEYS_FILE: ${file} cannot be read as JSON.`, { cause: error })
  }
  throw wrong(file, 'an object of key sets by origin')
}

function originOf(file: string, text: string): string {
  if (URL.parse(text)?.origin !== text)
    throw wrong(file, `an origin such as https://agents.example in place of ${JSON.stringify(text)}`)
  return text
}

function keysOf(file: string, origin: string, set: unknown): readonly Jwk[] {
  const { keys } = (set ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys) || keys.length === 0) throw wrong(file, `{"keys": […]} for ${origin}`)
  for (const key of keys as unknown[]) {
    const { kid } = (key ?? {}) as { kid?: unknown }
    if (typeof kid !== 'string' || kid === '') throw wrong(file, `a kid on every key of ${origin}`)
    try {
      readJwk(key as Record<string, unknown>)
    } catch (error) {
      if (error instanceof KeyRefused) throw wrong(file, `public keys of P-256 or Ed25519 for ${origin}`)
      throw error
    }
  }
  return keys as Jwk[]
}

const wrong = (file: string, wanted: string) => new Error(`COUNTERSIGN_RELAY_CARD_KEYS_FILE: ${file} must hold ${wanted}.`)
