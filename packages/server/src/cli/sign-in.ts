// countersign login and logout without a provider: a person lets this machine's commands act as them, by comparing a code in a browser that they are signed in to. No address is
// listened at, no password is asked for, and the key that comes of it is never printed.
import { hostname, userInfo } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { Countersign, Problem, type RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { openBrowser } from './browser.ts'
import { GivenUp, plain, print, usage } from './output.ts'
import { needPrivateLine } from './private-line.ts'
import { dropSession, keepSession, readSession, type Session } from './session.ts'
import type { Door } from './tasks.ts'
import { whenInterrupted } from './terminal.ts'

type Key = NonNullable<RouteAnswer<'POST /cli/sign-ins/fetch'>['key']>
export type SignedIn = {
  server: string
  key_id: string
  expires_at: string
  kept: Session['kept']
  principal: { id: string; name: string }
  tenant: { id: string; name: string }
}

export async function signIn(door: Door, { browser }: { browser: boolean }): Promise<void> {
  print(door.output(), (await signedIn(door, { browser })).told, inWords)
}

/** Signs in, whoever was signed in before, and acts as that person from now on. */
export async function signedIn(door: Door, { browser }: { browser: boolean }): Promise<{ told: SignedIn; client: Countersign }> {
  const { url } = door.client().settings
  const nobody = new Countersign({ url, key: null })
  needPrivateLine(nobody)
  const key = await askPerson(door, nobody, browser)
  const secret = key.secret as string
  const client = new Countersign({ url, key: secret })
  const me = await client.call('GET /principal')
  const { session: before } = await readSession(url)
  const { kept, file, fault } = await keepSession({ url, key_id: key.id, expires_at: key.expires_at, key: secret })
  if (kept === 'file')
    door
      .output()
      .stderr(
        `The keyring of this system is not used (${plain(fault ?? 'it kept nothing')}): the sign-in is kept in ${file}, for you alone.\n`,
      )
  if (before) await endOnServer(before)
  const told: SignedIn = {
    ...{ server: url, key_id: key.id, expires_at: key.expires_at, kept },
    principal: { id: me.id, name: me.name },
    tenant: { id: me.tenant_id, name: me.tenant_name },
  }
  return { told, client }
}

async function askPerson(door: Door, nobody: Countersign, browser: boolean): Promise<Key> {
  const say = door.output().stderr
  const asked = await nobody.call('POST /cli/sign-ins', { body: { client: machine() }, idempotency: 'none' })
  say(`Your code is ${plain(asked.code)}\n`)
  if (browser) {
    say(`Open ${plain(asked.verification_url_complete)} and compare it.\n`)
    openBrowser(asked.verification_url_complete)
  } else say(`Open ${plain(asked.verification_url)} in a browser that you are signed in to, and type it in.\n`)
  return whenInterrupted(
    (signal) => {
      say('Waiting until you have said yes there; the code works for ten minutes.\n')
      return waitForAnswer(nobody, asked, signal)
    },
    async () => {
      throw new GivenUp('Not signed in: the code is over in some minutes, and nobody should approve it now.')
    },
  )
}

type Asked = RouteAnswer<'POST /cli/sign-ins'>

async function waitForAnswer(nobody: Countersign, { secret, interval }: Asked, signal: AbortSignal): Promise<Key> {
  for (;;) {
    await pause(interval * 1_000, undefined, { signal })
    const { state, key } = await nobody.call('POST /cli/sign-ins/fetch', { body: { secret }, idempotency: 'none', signal })
    if (state === 'approved' && key) return key
    if (state === 'refused') throw new Problem('human_denied', { detail: 'The sign-in was refused.' })
  }
}

/** What the page shows of where the command runs. */
const machine = (): string => plain(`${userInfo().username}@${hostname()}`).slice(0, 100)

const inWords = ({ server, principal, tenant, expires_at }: SignedIn): string =>
  [`signed in  ${plain(principal.name)}, ${plain(tenant.name)}`, `server     ${server}`, `until      ${expires_at}`].join('\n')

/** Ended already is ended. */
async function endOnServer({ url, key, key_id: id }: Session): Promise<void> {
  try {
    await new Countersign({ url, key }).keys.revoke(id)
  } catch (error) {
    if (!(error instanceof Problem) || (error.status !== 401 && error.status !== 404)) throw error
  }
}

export function logoutCommand(program: Command, door: Door): void {
  program
    .command('logout')
    .description('end the sign-in of this machine’s commands, on the server and here')
    .action(async () => {
      const { server, url = server } = program.opts<{ server?: string; url?: string }>()
      const at = url ?? (processContext().env.COUNTERSIGN_URL || undefined)
      const { session } = await readSession(at)
      if (!session) throw usage(`Nobody is signed in${at === undefined ? '' : ` to ${plain(at)}`} here.`)
      // Whatever the server says: what is here opens nothing any more.
      await dropSession(session)
      await endOnServer(session)
      print(door.output(), { server: session.url, key_id: session.key_id, signed_out: true }, () => `signed out  ${session.url}`)
    })
}
