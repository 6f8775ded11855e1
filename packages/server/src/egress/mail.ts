// Mail on its way out (T107): SMTP over a socket of our own dialling, or a provider's HTTPS, or a file. What a mail says, and to whom, is decided by who calls.
// Dials no address that the guard refuses, sends no password without TLS, follows no header that came inside of a value, and reads no file and no URL for a message.
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import MailComposer from 'nodemailer/lib/mail-composer'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { Secret } from '../crypto/secret.ts'
import type { Log } from '../std/log.ts'
import { parseAddress } from './address.ts'
import { EgressError } from './failure.ts'
import type { Door } from './fetch.ts'

export type Mailbox = { name: string; address: string }
export type Mail = {
  tenantId: string
  /** The caller's own key: a provider that knows such keys sends it once. */
  id: string
  from: Mailbox
  to: Mailbox
  replyTo: string | null
  subject: string
  text: string
  html: string
  messageId: string
  /** What it answers or reminds of; the thread in which mail programs put it. */
  inReplyTo: string | null
  date: Date
}

export type Smtp = {
  kind: 'smtp'
  host: string
  port: number
  /** tls: from the start. starttls: or nothing is sent. none: in the clear, by somebody's explicit wish. */
  security: 'tls' | 'starttls' | 'none'
  user: string | null
  password: Secret | null
  /** A private authority in place of the public ones. */
  ca: string | null
}
export type Transport =
  | Smtp
  | { kind: 'resend'; key: Secret; base: string }
  | { kind: 'http'; url: string; headers: Secret | null; template: unknown }
  | { kind: 'file' }
  | { kind: 'log' }
  | { kind: 'none' }

/** `id`: the provider's own name of the mail. */
export type Posted = { sent: true; id: string | null } | { sent: false; retry: boolean; afterMs: number | null; reason: string }

export type Mailer = { send(transport: Transport, mail: Mail): Promise<Posted> }

export type MailerOptions = {
  door: Door
  log: Log
  /** Where the transport `file` writes; null: nowhere. */
  folder: string | null
}

const CONNECT_MS = 10_000
const SILENT_MS = 20_000
const WHOLE_MS = 45_000

export const openMailer = ({ door, log, folder }: MailerOptions): Mailer => ({
  async send(transport, mail) {
    if (!isSound(mail)) return refused('An address or a header of this mail is not one line of text.')
    switch (transport.kind) {
      case 'smtp':
        return overSmtp(door, transport, mail)
      case 'resend':
        return overResend(door, transport, mail)
      case 'http':
        return overHttp(door, transport, mail)
      case 'file':
        return intoFile(folder, mail)
      case 'log':
        log.info({ message_id: mail.messageId, to_domain: domainOf(mail.to.address) }, 'a mail would have been sent')
        return { sent: true, id: null }
      case 'none':
        return refused('This identity sends no mail.')
    }
  },
})

const refused = (reason: string): Posted => ({ sent: false, retry: false, afterMs: null, reason })
const later = (reason: string, afterMs: number | null = null): Posted => ({ sent: false, retry: true, afterMs, reason })

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

// Whoever checked before, nothing that could begin a line of its own gets near a header or an envelope.
const ADDRESS = /^[^\s<>(),;:\\"\p{Cc}@]{1,64}@[^\s<>(),;:\\"\p{Cc}@]{1,255}$/u
const LINE = /^[^\p{Cc}\u2028\u2029]*$/u

function isSound(mail: Mail): boolean {
  const addresses = [mail.from.address, mail.to.address, ...(mail.replyTo === null ? [] : [mail.replyTo])]
  const lines = [mail.from.name, mail.to.name, mail.subject, mail.messageId, mail.inReplyTo ?? '', mail.id]
  return addresses.every((one) => ADDRESS.test(one)) && lines.every((one) => LINE.test(one))
}

/** A robot wrote it: nobody's absence notice answers to it (RFC 3834). */
const HEADERS = { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' }

async function messageOf(mail: Mail): Promise<Buffer> {
  const { from, to, replyTo, subject, text, html, messageId, inReplyTo, date } = mail
  const composer = new MailComposer({
    from,
    to,
    ...(replyTo === null ? {} : { replyTo: { name: '', address: replyTo } }),
    subject,
    text,
    html,
    messageId,
    ...(inReplyTo === null ? {} : { inReplyTo, references: [inReplyTo] }),
    date,
    headers: HEADERS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return composer.compile().build()
}

async function overSmtp(door: Door, smtp: Smtp, mail: Mail): Promise<Posted> {
  const verdict = await door.guard.checkMailServer(smtp.host, smtp.port, mail.tenantId)
  if ('refused' in verdict)
    return verdict.refused === 'unreachable'
      ? later('The name of the mail server is not answered.')
      : refused('The mail server may not be called from here.')
  const message = await messageOf(mail)
  // In the clear as far as the dial goes: TLS, from the start or by STARTTLS, is the SMTP client's part.
  const route = { ...verdict.route, url: new URL(`http://${verdict.route.url.host}`) }
  try {
    const socket = await door.dial(route, CONNECT_MS)
    return await converse(smtp, socket, { from: mail.from.address, to: [mail.to.address] }, message)
  } catch (error) {
    if (error instanceof EgressError) return later('The mail server does not answer.')
    return faultOf(error)
  }
}

type Socket = Awaited<ReturnType<Door['dial']>>
type Envelope = { from: string; to: string[] }

function converse(smtp: Smtp, socket: Socket, envelope: Envelope, message: Buffer): Promise<Posted> {
  const connection = new SMTPConnection({
    connection: socket,
    host: smtp.host,
    port: smtp.port,
    secure: smtp.security === 'tls',
    requireTLS: smtp.security === 'starttls',
    ignoreTLS: smtp.security === 'none',
    name: domainOf(envelope.from),
    greetingTimeout: SILENT_MS,
    socketTimeout: SILENT_MS,
    connectionTimeout: CONNECT_MS,
    tls: {
      minVersion: 'TLSv1.2',
      ...(parseAddress(smtp.host) ? {} : { servername: smtp.host }),
      ...(smtp.ca === null ? {} : { ca: smtp.ca }),
    },
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(() => reject(new EgressError('timeout'))), WHOLE_MS)
    let done = false
    const finish = (settle: () => void) => {
      if (done) return
      done = true
      clearTimeout(timer)
      settle()
    }
    const fail = (error: unknown) => {
      // In this order: closing says by itself that it ended.
      finish(() => reject(error))
      connection.close()
    }
    const post = () =>
      connection.send(envelope, message, (error, info) => {
        if (error) return fail(error)
        finish(() => resolve({ sent: true, id: info.response.slice(0, 300) || null }))
        connection.quit()
      })
    // What breaks after the answer has nobody left to tell.
    connection.on('error', fail)
    connection.once('end', () => finish(() => reject(new EgressError('unreachable'))))
    connection.connect((error) => {
      if (error) return fail(error)
      if (smtp.user === null || smtp.password === null) return post()
      const credentials = { user: smtp.user, pass: smtp.password.reveal() }
      connection.login({ credentials }, (refusal) => (refusal ? fail(refusal) : post()))
    })
  })
}

/** What a server of mail says no to: 4xx and what breaks on the way may go later; 5xx will not, but for a refused sign-in, which somebody mends. */
function faultOf(error: unknown): Posted {
  const { code = '', responseCode = 0 } = error as { code?: string; responseCode?: number }
  if (code === 'ETLS' || code === 'EREQUIRETLS') return refused('The mail server offers no TLS that could be trusted.')
  if (code === 'EAUTH') return later('The mail server refused the sign-in.')
  if (responseCode >= 500) return refused(`The mail server refused the mail (${responseCode}).`)
  return later(responseCode > 0 ? `The mail server wants it later (${responseCode}).` : 'The mail server broke the connection.')
}

async function overResend(door: Door, { key, base }: { key: Secret; base: string }, mail: Mail): Promise<Posted> {
  const body = {
    from: written(mail.from),
    to: [mail.to.address],
    ...(mail.replyTo === null ? {} : { reply_to: mail.replyTo }),
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    headers: { 'Message-ID': mail.messageId, ...threadOf(mail), ...HEADERS },
  }
  const headers = { authorization: `Bearer ${key.reveal()}`, 'idempotency-key': mail.id }
  return overHttps(door, mail, `${base}/emails`, headers, body)
}

const threadOf = ({ inReplyTo }: Mail): Record<string, string> =>
  inReplyTo === null ? {} : { 'In-Reply-To': inReplyTo, References: inReplyTo }

/** `"Ann \"A\" Lee" <ann@example.com>`: quoted, so that no name can end itself. */
const written = ({ name, address }: Mailbox): string =>
  name === '' ? address : `"${name.replace(/["\\]/g, '\\$&')}" <${address}>`

async function overHttp(
  door: Door,
  { url, headers, template }: Extract<Transport, { kind: 'http' }>,
  mail: Mail,
): Promise<Posted> {
  const own = headers === null ? {} : (JSON.parse(headers.reveal()) as Record<string, string>)
  const values: Record<string, string> = {
    id: mail.id,
    from: written(mail.from),
    from_email: mail.from.address,
    from_name: mail.from.name,
    to: mail.to.address,
    to_name: mail.to.name,
    reply_to: mail.replyTo ?? '',
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    message_id: mail.messageId,
    in_reply_to: mail.inReplyTo ?? '',
  }
  return overHttps(door, mail, url, { 'idempotency-key': mail.id, ...own }, filled(template, values))
}

/** `{{subject}}` within any text of the tree: a value stays inside of its text, whatever it says. */
function filled(template: unknown, values: Record<string, string>): unknown {
  if (typeof template === 'string') return template.replace(/\{\{([a-z_]+)\}\}/g, (whole, name: string) => values[name] ?? whole)
  if (Array.isArray(template)) return template.map((one) => filled(one, values))
  if (typeof template !== 'object' || template === null) return template
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, filled(value, values)]))
}

async function overHttps(door: Door, mail: Mail, url: string, headers: Record<string, string>, body: unknown): Promise<Posted> {
  const answer = await door.fetch({
    tenantId: mail.tenantId,
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
    onLarge: 'cut',
    caps: { wholeMs: 20_000, bodyBytes: 65_536 },
  })
  if ('failed' in answer)
    return answer.failed === 'url_not_allowed'
      ? refused('The provider may not be called from here.')
      : later('The provider does not answer.')
  const { status } = answer
  if (status >= 200 && status < 300) return { sent: true, id: idIn(answer.body) }
  const reason = `The provider answered ${status}.`
  if (status === 429 || status >= 500 || status === 408) return later(reason, afterOf(answer.headers['retry-after']))
  // A key that is refused today is mended tomorrow; a mail that is refused stays refused.
  return status === 401 || status === 403 ? later(reason) : refused(reason)
}

const afterOf = (header: string | string[] | undefined): number | null => {
  const seconds = Number([header].flat()[0])
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 3_600) * 1_000 : null
}

function idIn(body: Buffer): string | null {
  try {
    const { id } = JSON.parse(body.toString('utf8')) as { id?: unknown }
    return typeof id === 'string' ? id.slice(0, 300) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** One JSON a line would interleave nowhere, but one file a mail can be looked at, moved and counted. */
async function intoFile(folder: string | null, mail: Mail): Promise<Posted> {
  if (folder === null) return refused('This installation keeps no folder for mail (COUNTERSIGN_MAIL_FOLDER).')
  const { tenantId, date, ...shown } = mail
  const name = `${date.toISOString().replace(/[:.]/g, '-')}-${mail.id.replace(/[^\w-]/g, '')}.json`
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await appendFile(join(folder, name), `${JSON.stringify({ ...shown, date, headers: HEADERS }, null, 2)}\n`, { mode: 0o600 })
  return { sent: true, id: name }
}
