// Mail on its way out, against real servers on this machine: TLS before any password, no header out of a value, and what a refusal means.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Secret } from '../crypto/secret.ts'
import { makeCertificate } from '../http/testing/certificate.ts'
import { openLog } from '../std/log.ts'
import { openSink } from '../tasks/channels/email/testing/sink.ts'
import { openReceiver } from '../webhooks/testing/receiver.ts'
import { parseAllowed } from './address.ts'
import { openDoor } from './fetch.ts'
import { openGuard } from './guard.ts'
import { type Mail, openMailer, type Smtp } from './mail.ts'

const MAIL: Mail = {
  tenantId: '00000000-0000-0000-0000-000000000000',
  id: 'ntc_1',
  from: { name: 'Countersign', address: 'countersign@example.com' },
  to: { name: 'Ann "A" Lee', address: 'ann@example.com' },
  replyTo: null,
  subject: '[normal] Grüße, order 1042?',
  text: 'Hello\nworld\n.\nend',
  html: '<p>Hello</p>',
  messageId: '<ntc_1@example.com>',
  inReplyTo: null,
  date: new Date('2026-01-02T03:04:05Z'),
}

function mailerTo(places: readonly string[], folder: string | null = null) {
  const logs: string[] = []
  const log = openLog({ level: 'debug', sink: (line) => void logs.push(line) })
  const guard = openGuard({
    http: true,
    allowed: places.flatMap((place) => parseAllowed(place) ?? []),
    nameServers: [{ address: '127.0.0.1', port: 9 }],
  })
  const door = openDoor({ guard, installation: 'test', version: '0', log })
  onTestFinished(() => door.close())
  return { mailer: openMailer({ door, log, folder }), logs }
}

const smtpTo = (port: number, more: Partial<Smtp> = {}): Smtp => ({
  kind: 'smtp',
  host: 'localhost',
  port,
  security: 'none',
  user: null,
  password: null,
  ca: null,
  ...more,
})

test('T107 T108 over SMTP a mail arrives as it was meant: both parts, its id, its thread, and the sign that a program wrote it', async () => {
  const sink = await openSink()
  const { mailer } = mailerTo([`localhost:${sink.port}`])
  expect(await mailer.send(smtpTo(sink.port), { ...MAIL, inReplyTo: '<first@example.com>' })).toMatchObject({ sent: true })
  const [got] = sink.took
  expect(got).toMatchObject({
    subject: MAIL.subject,
    messageId: '<ntc_1@example.com>',
    inReplyTo: '<first@example.com>',
    from: { name: 'Countersign', address: 'countersign@example.com' },
    to: [{ name: 'Ann "A" Lee', address: 'ann@example.com' }],
    envelope: { from: 'countersign@example.com', to: ['ann@example.com'] },
  })
  expect(got?.text?.trim()).toBe('Hello\nworld\n.\nend')
  expect(got?.html).toContain('<p>Hello</p>')
  const header = (name: string) => got?.headers.find(({ key }) => key === name)?.value
  expect(header('auto-submitted')).toBe('auto-generated')
  expect(header('content-type')).toContain('multipart/alternative')
  expect(header('date')).toContain('02 Jan 2026 03:04:05')
})

test('T108 T166 a line break in an address, a name, a subject or an id sends nothing to anybody', async () => {
  const sink = await openSink()
  const { mailer } = mailerTo([`localhost:${sink.port}`])
  const bad: Partial<Mail>[] = [
    { to: { name: '', address: 'ann@example.com\r\nRCPT TO:<eve@example.com>' } },
    { to: { name: '', address: 'ann@example.com>,<eve@example.com' } },
    { to: { name: 'Ann\r\nBcc: eve@example.com', address: 'ann@example.com' } },
    { from: { name: '', address: 'a b@example.com' } },
    { subject: 'Hello\nBcc: eve@example.com' },
    { messageId: '<a@b>\r\nBcc: eve@example.com' },
    { replyTo: 'eve@example.com\nBcc: x@example.com' },
  ]
  for (const part of bad)
    expect(await mailer.send(smtpTo(sink.port), { ...MAIL, ...part })).toMatchObject({ sent: false, retry: false })
  expect([sink.calls(), sink.took]).toEqual([0, []])
  // What is no line break stays inside of its name.
  await mailer.send(smtpTo(sink.port), { ...MAIL, to: { name: 'Ann", <eve@example.com>, "', address: 'ann@example.com' } })
  expect(sink.took[0]?.envelope.to).toEqual(['ann@example.com'])
  expect(sink.took[0]?.to).toMatchObject([{ address: 'ann@example.com' }])
})

test('T107 STARTTLS is required unless told otherwise; a password goes over TLS that proves its name, and over nothing else', async () => {
  const [pair, other] = await Promise.all([makeCertificate(), makeCertificate()])
  const signIn = { onAuth: signedIn, authOptional: false }
  const plain = await openSink()
  const upgrading = await openSink({ key: pair.key, cert: pair.cert, disabledCommands: [], ...signIn })
  const direct = await openSink({ key: pair.key, cert: pair.cert, secure: true, ...signIn })
  const { mailer } = mailerTo([plain, upgrading, direct].map(({ port }) => `localhost:${port}`))
  const sealed = { user: 'ann', password: new Secret('right'), ca: pair.cert }

  expect(await mailer.send(smtpTo(plain.port, { security: 'starttls' }), MAIL)).toMatchObject({ sent: false })
  expect(plain.took).toEqual([])
  for (const [sink, security] of [
    [upgrading, 'starttls'],
    [direct, 'tls'],
  ] as const) {
    expect(await mailer.send(smtpTo(sink.port, { ...sealed, security }), MAIL), security).toMatchObject({ sent: true })
    expect(sink.took).toMatchObject([{ isSecure: true, user: 'ann' }])
    const foreign = await mailer.send(smtpTo(sink.port, { ...sealed, security, ca: other.cert }), MAIL)
    expect(foreign, security).toMatchObject({ sent: false })
    const wrong = await mailer.send(smtpTo(sink.port, { ...sealed, security, password: new Secret('wrong') }), MAIL)
    expect(wrong, security).toEqual({ sent: false, retry: true, afterMs: null, reason: 'The mail server refused the sign-in.' })
    expect(sink.took).toHaveLength(1)
  }
})

const signedIn: NonNullable<Parameters<typeof openSink>[0]>['onAuth'] = (auth, _session, done) =>
  auth.username === 'ann' && auth.password === 'right' ? done(null, { user: 'ann' }) : done(new Error('no'))

test('T107 a mail server at a private address is reached by the operator’s exception alone', async () => {
  const sink = await openSink()
  const { mailer } = mailerTo([])
  for (const host of ['localhost', '127.0.0.1', '10.0.0.1', '169.254.169.254', '[::1]'])
    expect(await mailer.send(smtpTo(sink.port, { host }), MAIL), host).toMatchObject({ sent: false, retry: false })
  expect(sink.calls()).toBe(0)
})

test('T108 what a mail server says decides whether the mail goes again: 4xx and silence do, 5xx do not', async () => {
  const sink = await openSink()
  const { mailer } = mailerTo([`localhost:${sink.port}`])
  const send = () => mailer.send(smtpTo(sink.port), MAIL)
  sink.mode('failing')
  expect(await send()).toMatchObject({ sent: false, retry: true, reason: 'The mail server wants it later (451).' })
  sink.mode('never')
  expect(await send()).toMatchObject({ sent: false, retry: false, reason: 'The mail server refused the mail (550).' })
  await sink.stop()
  expect(await send()).toMatchObject({ sent: false, retry: true })
  expect(sink.took).toEqual([])
})

test('T107 resend and http: one signed-in post each, the mail inside of its texts, and 429 says when', async () => {
  const receiver = await openReceiver()
  const { mailer, logs } = mailerTo([`127.0.0.1:${receiver.port}`])
  receiver.answers.push(
    { status: 200, body: '{"id":"re_1"}' },
    { status: 202, body: 'fine' },
    { status: 429, headers: { 'retry-after': '7' } },
    422,
    401,
    500,
  )
  const key = new Secret('re_secret_key')
  expect(await mailer.send({ kind: 'resend', key, base: receiver.origin }, MAIL)).toEqual({ sent: true, id: 're_1' })
  expect(receiver.got[0]).toMatchObject({
    path: '/emails',
    headers: { authorization: 'Bearer re_secret_key', 'idempotency-key': 'ntc_1' },
  })
  expect(JSON.parse(receiver.got[0]?.body ?? '')).toMatchObject({
    from: '"Countersign" <countersign@example.com>',
    to: ['ann@example.com'],
    subject: MAIL.subject,
    headers: { 'Message-ID': '<ntc_1@example.com>', 'Auto-Submitted': 'auto-generated' },
  })

  const template = {
    personalizations: [{ to: [{ email: '{{to}}' }] }],
    content: { text: 'x {{text}}', subject: '{{subject}}' },
    keep: 1,
    other: '{{unknown}}',
  }
  const http = { kind: 'http', url: `${receiver.origin}/send`, headers: new Secret('{"x-key":"k"}'), template } as const
  const sly = { ...MAIL, subject: '","to":"eve@example.com' }
  expect(await mailer.send(http, sly)).toEqual({ sent: true, id: null })
  expect(receiver.got[1]).toMatchObject({ path: '/send', headers: { 'x-key': 'k' } })
  expect(JSON.parse(receiver.got[1]?.body ?? '')).toEqual({
    personalizations: [{ to: [{ email: 'ann@example.com' }] }],
    content: { text: `x ${MAIL.text}`, subject: '","to":"eve@example.com' },
    keep: 1,
    other: '{{unknown}}',
  })
  expect(await mailer.send(http, MAIL)).toMatchObject({ sent: false, retry: true, afterMs: 7_000 })
  expect(await mailer.send(http, MAIL)).toMatchObject({ sent: false, retry: false })
  expect(await mailer.send(http, MAIL)).toMatchObject({ sent: false, retry: true })
  expect(await mailer.send(http, MAIL)).toMatchObject({ sent: false, retry: true })
  expect(logs.join('\n')).not.toContain('re_secret_key')
})

test('T107 file writes one JSON a mail that only its owner reads, log says that there was one, none says no', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mail-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const { mailer, logs } = mailerTo([], join(folder, 'out'))
  expect(await mailer.send({ kind: 'file' }, MAIL)).toMatchObject({ sent: true })
  expect(await mailer.send({ kind: 'file' }, { ...MAIL, id: 'ntc_2' })).toMatchObject({ sent: true })
  const names = readdirSync(join(folder, 'out')).sort()
  expect(names).toEqual(['2026-01-02T03-04-05-000Z-ntc_1.json', '2026-01-02T03-04-05-000Z-ntc_2.json'])
  const file = join(folder, 'out', names[0] as string)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ to: MAIL.to, subject: MAIL.subject, text: MAIL.text })
  expect(statSync(file).mode & 0o077).toBe(0)
  expect(await mailerTo([]).mailer.send({ kind: 'file' }, MAIL)).toMatchObject({ sent: false, retry: false })

  expect(await mailer.send({ kind: 'log' }, MAIL)).toEqual({ sent: true, id: null })
  const said = logs.join('\n')
  expect(said).toContain('a mail would have been sent')
  for (const words of ['Hello', 'Grüße', 'ann@example.com']) expect(said).not.toContain(words)
  expect(await mailer.send({ kind: 'none' }, MAIL)).toMatchObject({ sent: false, retry: false })
})
