// What this room says of one field.
import { Problem } from '@countersign/sdk'

export type FieldFault = { path: string; code: string; message: string }

export const invalid = (path: string, code: string, message: string): Problem =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })

/** The number that an ETag names; null: whatever is there. */
export function versionOf(ifMatch: string | undefined): number | null {
  if (ifMatch === undefined || ifMatch.trim() === '*') return null
  const version = /^(?:W\/)?"(\d{1,15})"$/.exec(ifMatch.trim())?.[1]
  if (version === undefined) throw new Problem('request_invalid', { detail: 'If-Match is the ETag of the thing, such as "3".' })
  return Number(version)
}
