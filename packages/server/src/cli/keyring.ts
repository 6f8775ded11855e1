// countersign keyring …: the root key and what hangs on it, for who operates the machine. Works on the database and the key source that the settings name,
// with or without a server beside it; a tenant's own keys are rotated by its server. The same words stand under `keys`, as the runbooks write them. Prints fingerprints and numbers, never a key.
import { setTimeout as pause } from 'node:timers/promises'
import { Problem } from '@countersign/sdk'
import type { Command } from 'commander'
import type { KeyringStatus, RewrapView } from './beside/keyring.ts'
import { confirm } from './confirm.ts'
import { type Output, print, table } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
A rotation, in this order; nothing stops meanwhile (docs/keys.md):
  $ countersign keyring add              a further version, which opens and does not seal yet
  $ countersign keyring promote 2        once every live process holds it
  $ countersign keyring rewrap           keys of tenants anew, every wrap moved over
  $ countersign keyring retire 1         once nothing names it
  $ countersign keyring destroy 1        in seven days; until then: keyring keep 1
`

const beside = () => import('./beside/keyring.ts')

export function keyringCommand(program: Command, door: Door): void {
  const keyring = program
    .command('keyring')
    .description('the root key: versions, rotation, rewraps (on the machine of the server)')
    .addHelpText('after', EXAMPLES)
  rootCommands(keyring, door)
  // `countersign keys …` is where keys of agents live; the words of the runbook work there too.
  const keys = program.commands.find((command) => command.name() === 'keys')
  if (keys) rootCommands(keys, door, true)

  rekeyCommand(program, 'rekey', door)
}

/** `rekey`, and `vault rotate`, which is the same. */
export function rekeyCommand(parent: Command, name: string, door: Door): void {
  parent
    .command(name)
    .description('a new version of the tenant’s keys, and every wrap under it; nothing stops meanwhile')
    .option('--reseal', 'also replace data keys and nonces')
    .option('--no-wait', 'print the rotation and do not wait for it')
    .option('--all-tenants', 'of every tenant, on the machine of the server')
    .option('--tenant <id>', 'of this tenant, on the machine of the server')
    .option('--destroy-retired', 'instead, on the machine of the server: destroy the versions that nothing names any more')
    .option('--yes', 'do not ask')
    .action(async ({ tenant, reseal = false, allTenants, destroyRetired, wait, yes }: RekeyOptions) => {
      if (destroyRetired) {
        await confirm(door, 'Destroy every retired version of tenants’ keys', 'this installation', yes)
        return print(
          door.output(),
          await (await beside()).destroyRetired(),
          ({ destroyed, kept }) => `${destroyed} destroyed${kept > 0 ? `, ${kept} still named by something` : ''}.`,
        )
      }
      if (allTenants || tenant !== undefined) return rewrap(door.output(), { tenant_id: tenant, reseal })
      return rotate(door, reseal, wait)
    })
}

type RekeyOptions = {
  tenant?: string
  reseal?: boolean
  allTenants?: true
  destroyRetired?: true
  wait: boolean
  yes?: true
}

const LOOK_MS = 500

/** By the server, of the tenant of the key. */
async function rotate(door: Door, reseal: boolean, waits: boolean): Promise<void> {
  const client = door.client()
  const output = door.output()
  const tell = told(output)
  let run = await client.call('POST /vault/rotate', { body: { reseal } })
  while (waits && run.state !== 'finished') {
    tell(run)
    await pause(LOOK_MS)
    run = await client.call('GET /vault/rotations/:id', { params: { id: run.id } })
  }
  print(output, run, waits ? rewrapText : () => run.id)
}

function rootCommands(parent: Command, door: Door, isAlias = false): void {
  const command = (usage: string, says: string) => parent.command(usage, { hidden: isAlias }).description(says)
  const of = (text: string): number => {
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
    throw new Problem('validation_failed', {
      errors: [{ path: 'version', code: 'invalid', message: 'Must be a version such as 2.' }],
    })
  }
  const act = (verb: 'promote' | 'retire' | 'keep', says: string, done: string) =>
    command(`${verb} <version>`, says).action(async (version: string) => {
      await (await beside())[verb](of(version))
      print(door.output(), { version: of(version) }, () => `Version ${version} ${done}.`)
    })

  command('status', 'versions, who holds them, what hangs on them, and how old they are').action(async () =>
    print(door.output(), await (await beside()).status(), statusText),
  )
  command('add', 'a further version; one that the source holds already is taken first').action(async () =>
    print(
      door.output(),
      await (await beside()).add(),
      ({ version, fingerprint, source }) =>
        `Version ${version} (${fingerprint}) is added in ${source}. Keep a copy apart from the backups, then: countersign keyring promote ${version}`,
    ),
  )
  act('promote', 'seal under this version from now on', 'seals from now on')
  command('rewrap', 'move every wrap under the current versions, with new versions of tenants’ keys')
    .option('--root-only', 'keep the versions of tenants’ keys')
    .action(({ rootOnly }: { rootOnly?: true }) => rewrap(door.output(), { renew: !rootOnly }))
  act('retire', 'take a version out of use; refused while anything names it', 'is retired')
  command('destroy <version>', 'destroy a retired version in seven days')
    .option('--yes', 'do not ask')
    .action(async (version: string, { yes }: { yes?: true }) => {
      await confirm(door, `Destroy version ${of(version)} of the root key in seven days`, 'this installation', yes)
      print(
        door.output(),
        await (await beside()).destroy(of(version)),
        ({ destroy_at }) =>
          `Version ${version} is destroyed at ${destroy_at.toISOString()}. Until then: countersign keyring keep ${version}`,
      )
    })
  act('keep', 'do not destroy it after all', 'is kept')
}

async function rewrap(output: Output, input: { tenant_id?: string; renew?: boolean; reseal?: boolean }): Promise<void> {
  print(output, await (await beside()).rewrap(input, told(output)), rewrapText)
}

/** Each line once, on stderr: words, or a line of JSON. */
function told(output: Output): (now: Progress) => void {
  let said = ''
  return (now) => {
    const line = output.json ? JSON.stringify(now) : progressLine(now)
    if (line !== said) output.stderr(`${line}\n`)
    said = line
  }
}

type Progress = Pick<RewrapView, 'phase' | 'done' | 'total' | 'failed' | 'rate'>

const rewrapText = ({ done, failed, rate }: Progress): string =>
  [
    `${done} wraps moved${rate ? `, ${rate} a second` : ''}.`,
    ...(failed > 0 ? [`${failed} envelopes could not be rewrapped; the log names them, and their version stays.`] : []),
  ].join('\n')

const progressLine = ({ phase, done, total, failed }: Progress): string =>
  `${phase}${total > 0 ? ` ${done}/${total}` : ''}${failed > 0 ? `, ${failed} failed` : ''}`

function statusText(status: KeyringStatus): string {
  const { source, skipped, versions, processes, tenant_keys, ages, warnings, rewraps } = status
  const open = rewraps.find((run) => run.state !== 'finished')
  return [
    `source    ${source}`,
    ...skipped.map((one) => `skipped   ${one.source}: ${one.reason}`),
    `processes ${processes.length}`,
    `tenants   ${tenant_keys.tenants} with ${tenant_keys.versions} versions of their keys, ${tenant_keys.retired} retired`,
    ...ages.map(({ what, days }) => `${what}: ${days} days`),
    '',
    table(
      versions.map((one) => [
        String(one.version),
        one.state,
        one.fingerprint,
        one.source,
        String(one.wraps),
        String(one.passwords),
        one.missing_in > 0 ? `${one.missing_in} lack it` : 'all',
        `${one.age_days} days`,
      ]),
      ['VERSION', 'STATE', 'FINGERPRINT', 'SOURCE', 'WRAPS', 'PASSWORDS', 'HELD BY', 'AGE'],
      'No version yet.',
    ),
    ...(open ? [`rewrap ${open.id}: ${progressLine(open)}`] : []),
    ...warnings.map((warning) => `warn  ${warning}`),
  ].join('\n')
}
