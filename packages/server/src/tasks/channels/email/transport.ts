// The settings of a transport: which there are, which of them are secret, and how a stored identity becomes something that sends. Secrets stand in an envelope under
// the tenant's key; once there is a vault, a connection of it may be named instead. Nothing here is ever answered with its secret.
import { type FieldError, Problem } from '@countersign/sdk'
import { openText, sealText, type WrappingKey } from '../../../crypto/seal.ts'
import { Secret } from '../../../crypto/secret.ts'
import type { Scope } from '../../../db/scope.ts'
import type { Transport } from '../../../egress/mail.ts'
import { tenantWire } from '../../../std/id.ts'
import type { EmailHouse } from './house.ts'
import type { IdentityRow, TransportKind } from './sql.ts'

export type Read = { settings: Record<string, unknown>; secret: string | null }

const RESEND = 'https://api.resend.com'
const MOST_TEMPLATE = 20_000

/** `before`: what is stored, whose secret stays when none is given. Throws every fault with its path. */
export async function readSettings(
  house: EmailHouse,
  tenantId: string,
  transport: TransportKind,
  given: Record<string, unknown>,
): Promise<Read> {
  const form = formOf(given)
  const read = READERS[transport](form)
  form.end()
  if (transport === 'smtp' && !(await house.mayDial(read.settings.host as string, read.settings.port as number, tenantId)))
    throw new Problem('url_not_allowed', {
      errors: [{ path: '/settings/host', code: 'url_not_allowed', message: 'This mail server may not be called from here.' }],
    })
  for (const name of ['url', 'base_url'] as const)
    if (typeof read.settings[name] === 'string')
      read.settings[name] = await house.tasks.checkUrl(read.settings[name], `/settings/${name}`, tenantId)
  return read
}

type Form = ReturnType<typeof formOf>

const READERS: Record<TransportKind, (form: Form) => Read> = {
  smtp(form) {
    const port = form.port() ?? (form.peek('security') === 'tls' ? 465 : 587)
    const security = form.choice('security', ['tls', 'starttls', 'none']) ?? (port === 465 ? 'tls' : 'starttls')
    const user = form.line('user', 320)
    const password = form.line('password', 1_000)
    if (password !== null && user === null) form.fault('user', 'A password needs the user that it belongs to.')
    if (user !== null && security === 'none')
      form.fault('security', 'A password is never sent in the clear: use tls or starttls.')
    const host = form.required('host', 253)
    if (host !== null && !/^[A-Za-z0-9.:-]+$/.test(host)) form.fault('host', 'Must be the name of a host, without a scheme.')
    return { settings: { host, port, security, user, ca: form.text('ca', 32_768) }, secret: password }
  },
  resend: (form) => ({ settings: { base_url: form.line('base_url', 2_048) ?? RESEND }, secret: form.line('api_key', 1_000) }),
  http(form) {
    const headers = form.headers()
    const template = form.template()
    return { settings: { url: form.required('url', 2_048), template }, secret: headers }
  },
  file: () => ({ settings: {}, secret: null }),
  log: () => ({ settings: {}, secret: null }),
  none: () => ({ settings: {}, secret: null }),
}

function formOf(given: Record<string, unknown>) {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  const fault = (name: string, message: string) => void errors.push({ path: `/settings/${name}`, code: 'invalid', message })
  const take = (name: string): unknown => {
    seen.add(name)
    return given[name] ?? null
  }
  const text = (name: string, most: number): string | null => {
    const value = take(name)
    if (value === null) return null
    if (typeof value === 'string' && value.length > 0 && value.length <= most) return value
    fault(name, `Must be a text of 1 to ${most} characters.`)
    return null
  }
  const line = (name: string, most: number): string | null => {
    const value = text(name, most)
    if (value === null || !/\p{Cc}/u.test(value)) return value
    fault(name, 'Must be one line without control characters.')
    return null
  }
  return {
    fault,
    text,
    line,
    peek: (name: string) => given[name],
    required(name: string, most: number) {
      const value = line(name, most)
      if (value === null && given[name] === undefined) fault(name, 'Is required.')
      return value
    },
    choice<const T extends string>(name: string, values: readonly T[]): T | null {
      const value = take(name)
      if (value === null || values.includes(value as T)) return value as T | null
      fault(name, `Must be one of ${values.join(', ')}.`)
      return null
    },
    port(): number | null {
      const value = take('port')
      if (value === null) return null
      if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return value
      fault('port', 'Must be a port from 1 to 65535.')
      return null
    },
    headers(): string | null {
      const value = take('headers')
      if (value === null) return null
      const entries = typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : []
      const sound = entries.every(
        ([name, one]) => /^[A-Za-z0-9-]{1,100}$/.test(name) && typeof one === 'string' && !/\p{Cc}/u.test(one),
      )
      if (!sound || entries.length === 0 || entries.length > 20) fault('headers', 'Must be 1 to 20 headers, each one line.')
      return JSON.stringify(value)
    },
    template(): unknown {
      const value = take('template')
      const size = JSON.stringify(value ?? null).length
      if (typeof value !== 'object' || value === null || size > MOST_TEMPLATE)
        fault('template', 'Must be JSON in which {{to}}, {{subject}}, {{text}} and {{html}} stand for the mail.')
      return value
    },
    end(): void {
      for (const name of Object.keys(given)) if (!seen.has(name)) fault(name, 'This transport has no such setting.')
      if (errors.length > 0) throw new Problem('validation_failed', { errors })
    },
  }
}

const place = (scope: Scope, column: 'secret' | 'inbound_secret', id: string) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'mail_identities',
  column,
  row: id,
})

export const sealIdentity = (
  key: WrappingKey,
  scope: Scope,
  column: 'secret' | 'inbound_secret',
  id: string,
  text: string,
): Buffer => sealText(key, place(scope, column, id), text)

export const openIdentity = (
  key: WrappingKey,
  scope: Scope,
  column: 'secret' | 'inbound_secret',
  row: Pick<IdentityRow, 'id' | 'secret' | 'inbound_secret'>,
): Secret | null => {
  const envelope = row[column]
  return envelope === null ? null : new Secret(openText(key, place(scope, column, row.id), envelope))
}

/** Something that sends, from a stored identity. */
export function transportOf(row: IdentityRow, secret: Secret | null): Transport {
  const settings = row.settings as Record<string, string | number | null>
  switch (row.transport) {
    case 'smtp':
      return {
        kind: 'smtp',
        host: settings.host as string,
        port: settings.port as number,
        security: settings.security as 'tls' | 'starttls' | 'none',
        user: settings.user as string | null,
        password: secret,
        ca: settings.ca as string | null,
      }
    case 'resend':
      return { kind: 'resend', key: secret ?? new Secret(''), base: (settings.base_url as string).replace(/\/+$/, '') }
    case 'http':
      return { kind: 'http', url: settings.url as string, headers: secret, template: row.settings.template }
    default:
      return { kind: row.transport }
  }
}
