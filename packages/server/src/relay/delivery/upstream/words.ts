// Between a message of ours and one of the upstream's (relay.md R44, R47): parts, metadata and extensions go through untouched, our own key aside; ids of either side stay on theirs.
import { type Artifact, Message as MessageCodec, Part as PartCodec, type Message as SdkMessage } from '@a2a-js/sdk'
import { canonical } from '../../../crypto/canonical.ts'
import { sha256Hex } from '../../../crypto/token.ts'
import { RELAY_EXTENSION, withoutOurs } from '../../a2a/extension.ts'
import { isObject, partFromWire, partToSdk, type WireObject } from '../../a2a/parts.ts'
import type { Part } from '../../model.ts'
import { hopsOf } from '../../threads/hops.ts'
import { readContent } from '../../threads/parts.ts'
import type { Payload } from '../../threads/payload.ts'
import type { ArtifactInput } from '../../threads/respond.ts'
import type { MessageRow } from '../../threads/sql.ts'

/** What a caller named its message; the agent sees that, and we look for it by that. */
export const nameOf = (message: Pick<MessageRow, 'id' | 'client_message_id'>): string => message.client_message_id ?? message.id

export function messageFor(
  message: MessageRow,
  payload: Payload,
  at: { contextId: string; taskId: string | null },
): { message: SdkMessage; extensions: string[] } {
  const kept = payload.metadata?.[RELAY_EXTENSION]
  const extensions = isObject(kept) && Array.isArray(kept.extensions) ? kept.extensions.map(String) : []
  const made = MessageCodec.fromJSON({
    messageId: nameOf(message),
    contextId: at.contextId,
    ...(at.taskId === null ? {} : { taskId: at.taskId }),
    role: 'ROLE_USER',
    extensions,
    metadata: { ...withoutOurs(payload.metadata), [RELAY_EXTENSION]: { hops: hopsOf(payload.metadata) + 1 } },
  })
  return { message: { ...made, parts: payload.parts.map(partToSdk) }, extensions }
}

/** Throws `validation_failed` for what no thread of ours may hold. */
export function payloadOf(said: SdkMessage | undefined): Payload | null {
  if (!said || said.parts.length === 0) return null
  const own = withoutOurs(said.metadata)
  const metadata = said.extensions.length > 0 ? { ...own, [RELAY_EXTENSION]: { extensions: said.extensions } } : own
  return readContent({ parts: partsOf(said.parts), ...(metadata ? { metadata } : {}) })
}

const partsOf = (parts: readonly SdkMessage['parts'][number][]): Part[] =>
  parts.map((part) => partFromWire(PartCodec.toJSON(part) as WireObject))

export function artifactOf(artifact: Artifact, how: { append: boolean; lastChunk: boolean }): ArtifactInput {
  const { parts } = readContent({ parts: partsOf(artifact.parts) })
  return {
    artifact_id: artifact.artifactId,
    ...(artifact.name ? { name: artifact.name } : {}),
    ...(artifact.description ? { description: artifact.description } : {}),
    parts,
    append: how.append,
    last_chunk: how.lastChunk,
  }
}

/** A digest of the parts so far, made part by part, so that the beginning of a longer list can be told again. */
export const digestOf = (parts: readonly Part[], before = ''): string =>
  parts.reduce((digest, part) => sha256Hex(`${digest} ${canonical(part)}`), before)
