// How many relays a message has come through already (relay.md R47): counted in our own metadata, so that a circle of agents ends even where no proxy of ours sees it twice.
import { Problem } from '@countersign/sdk'
import { RELAY_EXTENSION } from '../a2a/extension.ts'

export const MOST_HOPS = 5

export function hopsOf(metadata: Record<string, unknown> | undefined): number {
  const said = (metadata?.[RELAY_EXTENSION] as { hops?: unknown } | undefined)?.hops
  return typeof said === 'number' && Number.isSafeInteger(said) && said > 0 ? said : 0
}

export function refuseLoops(metadata: Record<string, unknown> | undefined): void {
  if (hopsOf(metadata) > MOST_HOPS) throw new Problem('loop_detected')
}
