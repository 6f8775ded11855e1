// R105: what a call may be written in, and what it is answered in. Which types of parts an agent takes is said where messages are accepted.
import { A2A_CONTENT_TYPE } from '@a2a-js/sdk'
import { ContentTypeNotSupportedError } from '@a2a-js/sdk/errors'

const JSON_TYPE = 'application/json'
const TAKEN: readonly string[] = [JSON_TYPE, A2A_CONTENT_TYPE]

const mediaOf = (header: string): string => (header.split(';', 1)[0] as string).trim().toLowerCase()

/** A body may come as JSON under both of its names, in UTF-8, without a coding; a call without a body needs no type. */
export function refuseContentType(type: string | undefined, coding: string | undefined): void {
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity')
    throw new ContentTypeNotSupportedError('Send the body without Content-Encoding.')
  if (type === undefined) return
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]
  if (!TAKEN.includes(mediaOf(type)) || (charset !== undefined && charset.toLowerCase() !== 'utf-8'))
    throw new ContentTypeNotSupportedError(`Send ${TAKEN.join(' or ')} in UTF-8.`)
}

/** The type of an answer on HTTP+JSON. */
export function answerTypeOf(accept: string | undefined, type: string | undefined): string {
  const names = [...(accept ?? '').split(','), type ?? ''].map(mediaOf)
  return names.includes(A2A_CONTENT_TYPE) ? A2A_CONTENT_TYPE : JSON_TYPE
}
