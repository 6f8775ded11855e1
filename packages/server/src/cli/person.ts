// For acts that no key can do, because a key does not prove that anybody is there (†): a person signs in for this one command, with their password, and is signed out
// when it is over. The password is typed unseen, or taken from a variable or a pipe; it is kept nowhere, and neither is the session.
import { readFileSync } from 'node:fs'
import { Problem, type ProblemBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { usage } from './output.ts'
import { needPrivateLine } from './private-line.ts'
import type { Door } from './tasks.ts'
import { askHidden } from './terminal.ts'

export type SignIn = { email?: string; passwordFromEnv?: string; passwordFromStdin?: true }
/** What one call answered, as it came. */
type Person = (method: string, path: string, body?: unknown) => Promise<string>

export const withSignIn = (command: Command): Command =>
  command
    .option('--email <address>', 'whom to sign in; the person of your key unless given')
    .option('--password-from-env <variable>', 'the password stands in this variable')
    .option('--password-from-stdin', 'the password is piped in')

export async function asPerson<T>(door: Door, options: SignIn, act: (person: Person) => Promise<T>): Promise<T> {
  const client = door.client()
  needPrivateLine(client)
  const login = options.email ?? (await emailOfKey(door))
  const password = await passwordOf(options, login)
  let cookie = ''
  const person: Person = async (method, path, body) => {
    const response = await globalThis
      .fetch(`${client.settings.url}/api/v1${path}`, {
        method,
        redirect: 'manual',
        // As a page of the server itself would: nothing else may use a cookie.
        headers: {
          'sec-fetch-site': 'same-origin',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(cookie === '' ? {} : { cookie }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      .catch((cause: unknown) => {
        throw new Problem('server_unreachable', { detail: client.settings.url }, { cause })
      })
    const given = response.headers.getSetCookie().map((one) => one.split(';')[0] as string)
    if (given.length > 0) cookie = given.join('; ')
    const text = await response.text()
    if (!response.ok) throw refusalOf(text, response)
    return text
  }
  await person('POST', '/auth/login', { login, password })
  try {
    return await act(person)
  } finally {
    await person('POST', '/auth/logout')
  }
}

function refusalOf(text: string, { status }: Response): Problem {
  try {
    const { code, title: _, type: __, status: ___, request_id: requestId, ...members } = JSON.parse(text) as ProblemBody
    return new Problem(code, members, { requestId })
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    return new Problem('answer_unreadable', { http_status: status }, { cause })
  }
}

async function emailOfKey(door: Door): Promise<string> {
  const { email } = await door.client().call('GET /principal')
  if (email === null) throw usage('Your key is nobody’s own: say with --email who signs in.')
  return email
}

async function passwordOf({ passwordFromEnv: name, passwordFromStdin }: SignIn, login: string): Promise<string> {
  if (name !== undefined && passwordFromStdin) throw usage('Take the password from one place.')
  if (passwordFromStdin) return readFileSync(0, 'utf8').replace(/\r?\n$/, '')
  if (name === undefined) return askHidden(`Password of ${login}: `, '--password-from-env or --password-from-stdin')
  const value = processContext().env[name]
  if (!value) throw usage(`${name} is not set.`)
  return value
}
