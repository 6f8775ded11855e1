// What an endpoint is to be, checked: filters, schedule, headers, certificates (P79, P80, P87). Says where each fault is; reads no row, opens no socket.
import { type FieldError, Problem } from '@countersign/sdk'
import { belongTogether, readCertificates } from '../../crypto/certificate.ts'
import { SIGNATURE_HEADERS, type SignatureHeader, type SigningMode } from '../../crypto/signature.ts'
import { readFilters } from '../filter.ts'
import { OWN_LONGEST_SUM, type ScheduleName } from '../schedule.ts'

export type Wishes = {
  url?: string
  label?: string
  events?: string | string[]
  mode?: SigningMode
  header?: SignatureHeader
  ed25519?: boolean
  thin?: boolean | null
  ordering?: 'none' | 'fifo'
  on_exhausted?: 'proceed' | 'block'
  schedule?: 'standard' | 'quick_24h' | number[]
  timeout_seconds?: number
  max_in_flight?: number
  rate_per_second?: number | null
  ca_pem?: string | null
  client_certificate?: { cert: string; key: string } | null
  headers?: Record<string, string> | null
}

export type Settings = {
  label: string
  events: string[]
  mode: SigningMode
  header: SignatureHeader
  ed25519: boolean
  thin: boolean | null
  ordering: 'none' | 'fifo'
  on_exhausted: 'proceed' | 'block'
  schedule: ScheduleName
  delays: number[] | null
  timeout_seconds: number
  max_in_flight: number
  rate_per_second: number | null
  ca_pem: string | null
}

export const DEFAULTS: Omit<Settings, 'events'> = {
  label: '',
  mode: 'standard',
  header: SIGNATURE_HEADERS[0],
  ed25519: false,
  thin: null,
  ordering: 'none',
  on_exhausted: 'proceed',
  schedule: 'standard',
  delays: null,
  timeout_seconds: 15,
  max_in_flight: 10,
  rate_per_second: null,
  ca_pem: null,
}

const fault = (path: string, code: string, message: string): FieldError => ({ path, code, message })
const refuse = (errors: FieldError[]): never => {
  throw new Problem('validation_failed', { errors })
}

/** What is there already, with the wishes put over it; every fault at once. */
export function readSettings(present: Omit<Settings, 'events'> & { events?: string[] }, wishes: Wishes): Settings {
  const { schedule, events, url: _url, client_certificate, headers, ...plain } = wishes
  const given = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined)) as Partial<Settings>
  const next: Settings = { ...present, ...given, ...scheduleOf(present, schedule), events: present.events ?? [] }
  if (events !== undefined) next.events = readFilters(events)
  const errors: FieldError[] = []
  if (next.delays && next.delays.reduce((sum, one) => sum + one, 0) > OWN_LONGEST_SUM)
    errors.push(fault('/schedule', 'out_of_range', 'A schedule may last 7 days.'))
  if (next.ed25519 && next.mode !== 'standard') errors.push(fault('/ed25519', 'unexpected', 'Only mode standard has Ed25519.'))
  if (wishes.header !== undefined && next.mode !== 'stripe')
    errors.push(fault('/header', 'unexpected', 'Only mode stripe lets you choose its header.'))
  if (next.ca_pem !== null && !readCertificates(next.ca_pem))
    errors.push(fault('/ca_pem', 'not_a_certificate', 'Must be one or more certificates in PEM.'))
  if (client_certificate && !belongTogether(client_certificate.cert, client_certificate.key))
    errors.push(fault('/client_certificate', 'not_a_pair', 'Must be a certificate and its own private key, both in PEM.'))
  errors.push(...headerFaults(headers ?? {}))
  return errors.length > 0 ? refuse(errors) : next
}

function scheduleOf(
  present: Pick<Settings, 'schedule' | 'delays'>,
  wish: Wishes['schedule'],
): Pick<Settings, 'schedule' | 'delays'> {
  if (wish === undefined) return { schedule: present.schedule, delays: present.delays }
  return Array.isArray(wish) ? { schedule: 'own', delays: wish } : { schedule: wish, delays: null }
}

const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,2046}[\x21-\x7e])?$/
// What we write ourselves, what belongs to the connection, and what would make a receiver believe another sender.
const OURS =
  /^(?:webhook-.*|countersign-.*|(?:x-)?humane-signature|x-hub-signature.*|x-awaithumans-.*|x-foragent-.*|content-.*|host|user-agent|via|cookie|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|accept-encoding|forwarded|x-forwarded-.*)$/i
const MOST_HEADERS = 10

function headerFaults(headers: Record<string, string>): FieldError[] {
  const names = Object.keys(headers)
  const errors: FieldError[] = []
  if (names.length > MOST_HEADERS) errors.push(fault('/headers', 'too_many', `At most ${MOST_HEADERS} headers.`))
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length)
    errors.push(fault('/headers', 'duplicate', 'A header is there twice.'))
  for (const [name, value] of Object.entries(headers)) {
    const path = `/headers/${name.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!NAME.test(name)) errors.push(fault(path, 'header_invalid', 'This is not the name of a header.'))
    else if (OURS.test(name)) errors.push(fault(path, 'header_reserved', 'This header is not yours to set.'))
    if (!VALUE.test(value)) errors.push(fault(path, 'header_invalid', 'Must be 1 to 2048 visible ASCII characters.'))
  }
  return errors
}
