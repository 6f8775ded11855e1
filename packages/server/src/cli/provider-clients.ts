// countersign providers client …: our registration at a provider, and what commands of providers share. A secret is taken from the environment or from what is
// piped in, never from the command line, where every process of the machine could read it.
import { readFileSync } from 'node:fs'
import { Problem, type RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { confirm } from './confirm.ts'
import { missingIs, plain, print, usage } from './output.ts'
import { needPrivateLine } from './private-line.ts'
import type { Door } from './tasks.ts'

type Client = RouteAnswer<'GET /providers/:name/client'>

type SetOptions = {
  clientId: string
  auth?: Client['auth']
  keyId?: string
  issuer?: string
  fromEnv?: string
  fromStdin?: true
  revokeConnections?: true
  yes?: true
}

export function clientCommands(clients: Command, door: Door): void {
  clients
    .command('show <provider>')
    .description('its client id, how it proves itself, and where people are sent back to')
    .action((name: string) =>
      missingIs(4, async () => {
        print(door.output(), await door.client().call('GET /providers/:name/client', { params: { name } }), client)
      }),
    )
  clients
    .command('set <provider>')
    .description('register or change it')
    .requiredOption('--client-id <id>', 'as the provider gave it; no secret')
    .option('--from-env <variable>', 'the secret stands in this variable')
    .option('--from-stdin', 'the secret is piped in')
    .option('--auth <style>', 'basic, post, none or private_key_jwt; as the definition says, unless given')
    .option('--key-id <id>', 'for private_key_jwt: the name of the key at the provider')
    .option('--issuer <url>', 'of a client at one of several authorization servers')
    .option('--revoke-connections', 'end what was obtained under it; else it stays')
    .option('-y, --yes', 'without a question')
    .action((name: string, options: SetOptions) =>
      missingIs(4, async () => {
        const secret = secretOf(options)
        if (secret !== undefined) needPrivateLine(door.client())
        const body = {
          ...{ client_id: options.clientId, ...(secret === undefined ? {} : { secret }) },
          ...(options.auth && { auth: options.auth }),
          ...(options.keyId && { key_id: options.keyId }),
          ...(options.issuer && { issuer: options.issuer }),
          ...(options.revokeConnections && { revoke_connections: true }),
        }
        const stored = await confirming(door, options.yes, `Change the client of ${name}`, (confirmed) =>
          door.client().call('PUT /providers/:name/client', { params: { name }, body: { ...body, ...confirmed } }),
        )
        print(door.output(), stored, client)
      }),
    )
  clients
    .command('remove <provider>')
    .description('forget it, and its secret')
    .option('--revoke-connections', 'end what was obtained under it; else it stays until it expires')
    .option('-y, --yes', 'without a question')
    .action((name: string, { yes, revokeConnections }: { yes?: true; revokeConnections?: true }) =>
      missingIs(4, async () => {
        const more = revokeConnections ? { revoke_connections: true } : {}
        const removed = await confirming(door, yes, `Remove the client of ${name}`, (confirmed) =>
          door.client().call('DELETE /providers/:name/client', { params: { name }, body: { ...more, ...confirmed } }),
        )
        print(
          door.output(),
          removed,
          ({ provider, affected }) => `removed ${provider}; ${connections(affected.connections)} stood on it`,
        )
      }),
    )
}

/** White space around it is nobody's secret: editors and shells leave a line break. */
function secretOf({ fromEnv, fromStdin, auth }: SetOptions): string | undefined {
  if (fromEnv !== undefined && fromStdin) throw usage('Take the secret from one place: --from-env or --from-stdin.')
  const text = fromStdin ? readFileSync(0, 'utf8') : fromEnv === undefined ? undefined : (processContext().env[fromEnv] ?? '')
  if (text === undefined || auth === 'none') return undefined
  if (text.trim() === '') throw usage(fromStdin ? 'Nothing was piped in.' : `${fromEnv} is not set.`)
  return text.trim()
}

const client = ({ provider, client_id, has_secret, auth, redirect_uris, state, connections: count }: Client): string =>
  [
    `provider   ${plain(provider)}`,
    `client id  ${plain(client_id ?? 'none yet')}`,
    `secret     ${has_secret ? 'stored' : 'none'}, ${auth}`,
    `redirect   ${redirect_uris.join(' ')}`,
    `state      ${state}, ${connections(count)}`,
  ].join('\n')

export type Confirmed = { confirm?: boolean; affected?: number }

/** Asks the server first; what others depend on is shown before anybody says yes. */
export async function confirming<T>(
  door: Door,
  yes: boolean | undefined,
  what: string,
  act: (body: Confirmed) => Promise<T>,
): Promise<T> {
  try {
    return await act({})
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'confirmation_required') throw error
    const { connections: count, grants } = error.members.affected as { connections: number; grants: number }
    door
      .output()
      .stderr(`${connections(count)}${grants > 0 ? ` and ${grants} grant${grants === 1 ? '' : 's'}` : ''} depend on it\n`)
    await confirm(door, what, door.client().settings.url, yes)
    return act({ confirm: true, affected: count })
  }
}

export const connections = (n: number): string => `${n} connection${n === 1 ? '' : 's'}`
