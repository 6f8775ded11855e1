// Reading what Slack sent, member by member: nothing of it is taken for granted.
export type Json = Record<string, unknown>

export const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The object of a JSON text; null for anything else. */
export function readRecord(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

export function at(value: unknown, ...path: string[]): unknown {
  let inner = value
  for (const name of path) inner = isRecord(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined
  return inner
}

export const textAt = (value: unknown, ...path: string[]): string | null => {
  const text = at(value, ...path)
  return typeof text === 'string' && text !== '' ? text : null
}
