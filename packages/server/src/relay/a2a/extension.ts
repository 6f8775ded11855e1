// R88: the relay's extension of A2A: its name, what a caller may say under it, and which extensions of a call are active.
import { Extensions } from '@a2a-js/sdk'
import { ExtensionSupportRequiredError } from '@a2a-js/sdk/errors'
import { RELAY_EXTENSION } from '../cards/document.ts'
import { isObject, type WireObject } from './parts.ts'

export { RELAY_EXTENSION }
export const EXTENSIONS_HEADER = 'A2A-Extensions'

/** As a card declares it. */
export type DeclaredExtension = { uri: string; required?: boolean | undefined }

/** The extensions that the caller named and the card declares, in the caller's order, each once. */
export function activate(header: string | undefined, declared: readonly DeclaredExtension[]): string[] {
  const named = [...new Set(Extensions.parseServiceParameter(header))]
  const missing = declared.filter((one) => one.required && !named.includes(one.uri)).map((one) => one.uri)
  if (missing.length > 0)
    throw new ExtensionSupportRequiredError({
      message: `This agent needs callers that know ${missing.join(', ')}. Name it in ${EXTENSIONS_HEADER}.`,
      metadata: { required: missing.join(',') },
    })
  return named.filter((uri) => declared.some((one) => one.uri === uri))
}

/** One header, separated by commas; nothing where nothing is active. */
export const activatedHeader = (active: readonly string[]): Record<string, string> =>
  active.length > 0 ? { [EXTENSIONS_HEADER]: active.join(', ') } : {}

/** What a caller says under our key, checked by `check.ts`. */
export type RelayAsk = { idempotency_key?: string; operation_id?: string; skill?: string; want?: unknown }

/** Of the call's metadata first, else of its message's. */
export function relayAskOf(params: WireObject): RelayAsk {
  const message = isObject(params.message) ? params.message : {}
  for (const holder of [params.metadata, message.metadata]) {
    const said = isObject(holder) ? holder[RELAY_EXTENSION] : undefined
    if (isObject(said)) return said as RelayAsk
  }
  return {}
}

/** A caller's metadata as it is kept and handed on: all of it but our own key. */
export function withoutOurs(metadata: unknown): WireObject | undefined {
  if (!isObject(metadata)) return undefined
  const { [RELAY_EXTENSION]: _ours, ...own } = metadata
  return Object.keys(own).length > 0 ? own : undefined
}
