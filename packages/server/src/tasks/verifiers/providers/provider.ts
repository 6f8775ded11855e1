// A provider of models: how a question becomes one request of its published API, and how its reply is read. Sends nothing by itself.
import type { Prompt } from '../prompt.ts'

export type Asked = {
  prompt: Prompt
  /** `model` or, where a deployment stands for it, its name. */
  model: string
  deployment: string | null
  apiVersion: string | null
  base: string | null
  key: string | null
  /** False: a model that takes none, as it said itself. */
  temperature: boolean
}

export type Request = { url: string; headers: Record<string, string>; body: Record<string, unknown> }
/** `verdict` is not judged yet. */
export type Said = { verdict: unknown; inputTokens: number; outputTokens: number }

export type Provider = {
  request(asked: Asked): Request
  /** Null: the reply holds no verdict; what it cost counts all the same. */
  read(reply: Record<string, unknown>): Said
}

export const MOST_TOKENS = 4_096

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const withKey = (header: string, key: string | null): Record<string, string> => (key === null ? {} : { [header]: key })

/** The first of a list, where there is one. */
export const first = (value: unknown): Record<string, unknown> => {
  const [one] = Array.isArray(value) ? value : []
  return isObject(one) ? one : {}
}
export const member = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined)
export const count = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0

export function parsed(text: unknown): unknown {
  if (typeof text !== 'string') return null
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
