// countersign mail …: who mails come from, and whether they arrive. A password is read from a file or a pipe, never from the command line, where others see it.
import { readFileSync } from 'node:fs'
import { Problem, type RouteAnswer, type RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

type Identity = RouteAnswer<'GET /channels/email/identities/:id'>
type New = RouteAnswer<'POST /channels/email/identities'>
type Body = RouteBody<'POST /channels/email/identities'>

const EXAMPLES = `
Examples:
  $ countersign mail add main --from approvals@example.com --host smtp.example.com --user approvals --secret-file ./password
  $ countersign mail test main --to me@example.com
  $ countersign mail confirm main 7KQM2XYB
`

type AddOptions = {
  from: string
  name?: string
  transport: string
  host?: string
  port?: string
  security?: string
  user?: string
  secretFile?: string
  settings?: string
  replies?: string
  default?: true
}

export function mailCommand(program: Command, door: Door): void {
  const mail = program.command('mail').description('who mails come from, and whether they arrive').addHelpText('after', EXAMPLES)
  mail
    .command('list')
    .description('the senders of mail')
    .action(async () =>
      print(door.output(), await door.client().call('GET /channels/email/identities'), ({ data }) =>
        table(
          data.map((one) => [one.id, one.is_default ? 'default' : '', one.transport, one.from_email, stateOf(one)]),
          ['NAME', '', 'BY', 'FROM', 'STATE'],
          'No sender of mail yet: countersign mail add main --from you@example.com --host smtp.example.com',
        ),
      ),
    )
  mail
    .command('add <name>')
    .description('a new sender; the first one is the default')
    .requiredOption('--from <address>', 'whose mails they are')
    .option('--name <text>', 'what stands beside the address')
    .option('--transport <transport>', 'smtp, resend, http, file, log or none', 'smtp')
    .option('--host <host>', 'smtp: the server')
    .option('--port <port>', 'smtp: 587, or 465 with --security tls')
    .option('--security <security>', 'smtp: tls, starttls or none')
    .option('--user <user>', 'smtp: who signs in')
    .option('--secret-file <file>', 'the password or key; "-" is what is piped in')
    .option('--settings <json>', 'http: url, headers and template')
    .option('--replies <domain>', 'answers to its mails go to this domain')
    .option('--default', 'mails that name no sender come from this one')
    .action(async (name: string, options: AddOptions) =>
      print(door.output(), await door.client().call('POST /channels/email/identities', { body: bodyOf(name, options) }), added),
    )
  mail
    .command('test <name>')
    .description('send a test mail with a code')
    .requiredOption('--to <address>', 'where to')
    .action(async (name: string, { to }: { to: string }) => {
      const sent = await door.client().call('POST /channels/email/identities/:id/test', { params: { id: name }, body: { to } })
      print(door.output(), sent, () =>
        sent.sent ? `sent; when it arrives: countersign mail confirm ${name} <code>` : `not sent: ${plain(sent.reason ?? '')}`,
      )
      if (!sent.sent) process.exitCode = 20
    })
  mail
    .command('confirm <name> <code>')
    .description('the test mail arrived')
    .action(async (name: string, code: string) => {
      const one = await door
        .client()
        .call('POST /channels/email/identities/:id/confirm', { params: { id: name }, body: { code } })
      print(door.output(), one, line)
    })
  mail
    .command('default <name>')
    .description('mails that name no sender come from this one')
    .action(async (name: string) => {
      const call = { params: { id: name }, body: { is_default: true } }
      print(door.output(), await door.client().call('PATCH /channels/email/identities/:id', call), line)
    })
  mail
    .command('remove <name>')
    .description('a sender that is not used any more; its secrets are dropped')
    .option('-y, --yes', 'without a question')
    .action(async (name: string, { yes }: { yes?: true }) => {
      const client = door.client()
      await confirm(door, `Remove the sender of mail ${name}`, client.settings.url, yes)
      await client.call('DELETE /channels/email/identities/:id', { params: { id: name } })
      print(door.output(), { id: name, removed: true }, () => `${name} is removed`)
    })
}

function bodyOf(id: string, options: AddOptions): Body {
  const { from, name, transport, replies } = options
  const settings = options.settings === undefined ? {} : readJson(options.settings)
  const secret = options.secretFile === undefined ? null : readText(options.secretFile)
  const smtp = transport !== 'smtp' ? {} : smtpOf(options, secret)
  const key = transport === 'resend' && secret !== null ? { api_key: secret } : {}
  return {
    id,
    display_name: name ?? id,
    from_email: from,
    from_name: name ?? null,
    transport: transport as Body['transport'],
    settings: { ...settings, ...smtp, ...key },
    inbound_domain: replies ?? null,
    ...(options.default ? { is_default: true } : {}),
  }
}

const smtpOf = ({ host, port, security, user }: AddOptions, secret: string | null) => ({
  ...(host === undefined ? {} : { host }),
  ...(port === undefined ? {} : { port: Number(port) }),
  ...(security === undefined ? {} : { security }),
  ...(user === undefined ? {} : { user }),
  ...(secret === null ? {} : { password: secret }),
})

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    throw new Problem('request_invalid', { detail: `${file} cannot be read.` }, { cause })
  }
}

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (cause) {
    throw new Problem('request_invalid', { detail: '--settings is not JSON.' }, { cause })
  }
}

const stateOf = (one: Identity): string =>
  one.last_error ? `failing: ${plain(one.last_error)}` : one.verified_at ? 'verified' : 'not verified'
const line = (one: Identity): string => `${one.id}  ${one.transport}  ${one.from_email}  ${stateOf(one)}`
const added = (one: New): string =>
  [
    line(one),
    ...(one.inbound_secret && one.inbound_url
      ? [`replies are posted to ${one.inbound_url}, signed with`, one.inbound_secret, 'Keep it now: it is not shown again.']
      : []),
    `countersign mail test ${one.id} --to you@example.com`,
  ].join('\n')
