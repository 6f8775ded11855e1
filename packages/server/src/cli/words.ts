// What people type, as what the API takes: JSON, times, numbers. A word that fits nothing is refused by the option's name.
import { readFileSync } from 'node:fs'
import { Problem } from '@countersign/sdk'
import { plain, usage } from './output.ts'

export const refuseWord = (option: string, code: string, message: string, cause?: unknown): Problem =>
  new Problem('validation_failed', { errors: [{ path: option, code, message }] }, { cause })

export function parseJson(option: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw refuseWord(option, 'json', 'is not JSON', cause)
  }
}

const UNITS: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }

export function parseSeconds(option: string, text: string): number {
  const [, count, unit] = /^(\d+)([smhd]?)$/.exec(text) ?? []
  if (count === undefined) throw refuseWord(option, 'duration', 'is a number of seconds, or 90s, 15m, 2h, 3d')
  return Number(count) * (UNITS[unit ?? ''] as number)
}

/** A time as the API takes it, or how long from now. */
export function parseTime(option: string, text: string, now: number): string {
  if (/^\d+[smhd]$/.test(text)) return new Date(now + parseSeconds(option, text) * 1000).toISOString()
  if (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString()
  throw refuseWord(option, 'time', 'is a time such as 2026-01-31T12:00:00Z, or how long from now: 90s, 15m, 2h, 3d')
}

export function parseNumber(option: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw refuseWord(option, 'number', 'is a whole number')
  return Number(text)
}

/** A JSON object in a file; `-` for what is piped in. */
export function readObject(file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'))
  } catch (error) {
    throw usage(`${file} cannot be read as JSON: ${plain((error as Error).message)}.`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw usage(`${file} holds no JSON object.`)
  return value as Record<string, unknown>
}
