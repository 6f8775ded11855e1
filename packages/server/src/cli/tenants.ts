// countersign tenants …: the tenants of an installation, by whoever runs it, beside its server; and countersign break-glass …: who looked into the tenant of
// one's key. A host who wants to look in asks on the page of tenants, as a person whom the owners can see.
import type { Command } from 'commander'
import type { Plate, StateChange } from './beside/tenants.ts'
import { confirm } from './confirm.ts'
import { type Output, plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
Examples:
  $ countersign tenants list
  $ countersign tenants create "Acme" --owner olga@acme.example
  $ countersign tenants suspend ten_01J… --reason "unpaid since May"
  $ countersign tenants resume ten_01J…

These act on the database of this environment, as \`countersign setup link\` does; the record of the tenant says system:cli.
`

const beside = () => import('./beside/tenants.ts')

export function tenantsCommand(program: Command, door: Door): void {
  const tenants = program
    .command('tenants')
    .description('tenants by name and state, for whoever runs the installation')
    .addHelpText('after', EXAMPLES)

  tenants
    .command('list')
    .description('every tenant and its state')
    .action(async () =>
      print(door.output(), { data: await (await beside()).allTenants() }, ({ data }) =>
        table(data.map(row), ['ID', 'STATE', 'SINCE', 'NAME'], 'No tenant yet: countersign setup link'),
      ),
    )

  tenants
    .command('create <name>')
    .description('a new tenant; the link of its owner’s invitation is printed once')
    .requiredOption('--owner <email>', 'who is invited as its owner')
    .action(async (name: string, { owner }: { owner: string }) =>
      print(door.output(), await (await beside()).newTenant(name, owner), (made) =>
        [describe(made), `Hand this to ${plain(owner)}: ${made.link}`].join('\n'),
      ),
    )

  tenants
    .command('suspend <id>')
    .description('it can be read, and nothing in it changes; its jobs wait')
    .requiredOption('--reason <text>', 'the owners read it')
    .action((id: string, { reason }: { reason: string }) => change(door.output(), id, { state: 'suspended', reason }))

  tenants
    .command('resume <id>')
    .description('active again, from suspended or closing')
    .action((id: string) => change(door.output(), id, { state: 'active' }))

  tenants
    .command('close <id>')
    .description('as suspended, and erased after 30 days unless it is resumed')
    .requiredOption('--reason <text>', 'the owners read it')
    .option('--yes', 'without asking')
    .action(async (id: string, { reason, yes }: { reason: string; yes?: true }) => {
      await confirm(door, `Close ${plain(id)}, to be erased in 30 days,`, 'this installation', yes)
      await change(door.output(), id, { state: 'closing', reason })
    })
}

export function breakGlassCommand(program: Command, door: Door): void {
  const glass = program.command('break-glass').description('hosts who asked to look into the tenant of your key')

  glass
    .command('list')
    .description('who asked, why, and what became of it')
    .action(async () =>
      print(door.output(), await door.client().breakGlass.visits({ limit: 200 }), ({ data }) =>
        table(
          data.map((one) => [one.id, one.state, one.asked_at, plain(one.host_name), plain(one.reason)]),
          ['ID', 'STATE', 'ASKED', 'HOST', 'REASON'],
          'Nobody has asked. Hosts see nothing of a tenant unless an owner lets them.',
        ),
      ),
    )

  glass
    .command('end <id>')
    .description('shut a door that is open, at once')
    .action(async (id: string) =>
      print(door.output(), await door.client().breakGlass.end(id), (one) => `${one.id}  ${one.state}  ${plain(one.host_name)}`),
    )
}

async function change(output: Output, id: string, to: StateChange): Promise<void> {
  print(output, await (await beside()).changeTenant(id, to), describe)
}

const row = (one: Plate): string[] => [one.id, one.state, one.state_since.toISOString(), plain(one.name)]

const describe = (one: Plate): string =>
  [
    `${one.id}  ${one.state}  ${plain(one.name)}`,
    ...(one.state_reason ? [`Reason: ${plain(one.state_reason)}`] : []),
    ...(one.erased_after ? [`Erased after ${one.erased_after.toISOString()}`] : []),
  ].join('\n')
