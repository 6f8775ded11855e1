// countersign proxy …: who may call the gate, for whoever runs the installation. A proxy's key is made where the proxy runs and never leaves that machine; the house is
// told its fingerprint.
import type { Command } from 'commander'
import type { Enrolled, Node } from './beside/proxy-nodes.ts'
import { confirm } from './confirm.ts'
import { plain, print, table, usage } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
A proxy on a machine of its own (docs/proxy/operate.md):
  $ countersign proxy enroll --file /etc/countersign/node.pem             there: makes its key, prints the fingerprint
  $ countersign proxy enroll --fingerprint 5f3a… --name edge-1            on the machine of the server: lets it in
  $ countersign proxy nodes                                               who is in, and how far behind
  $ countersign proxy expel nod_01J…                                      it lets nothing out any more, at once
`

type EnrollFlags = { file?: string; fingerprint?: string; name?: string }

const beside = () => import('./beside/proxy-nodes.ts')
const HEX = /^[0-9a-f]{64}$/

export function proxyCommand(program: Command, door: Door): void {
  const proxy = program
    .command('proxy')
    .description('the processes that let agents’ calls out, for whoever runs the installation')
    .addHelpText('after', EXAMPLES)

  proxy
    .command('enroll')
    .description('make the key of a proxy on its machine, or let one in by its fingerprint')
    .option('--file <path>', 'on the machine of the proxy: where its key is kept, mode 0600; made when it is not there')
    .option('--fingerprint <hex>', 'on the machine of the server: what the other one printed')
    .option('--name <name>', 'how the node is called')
    .action(async (flags: EnrollFlags) => enroll(door, flags))

  proxy
    .command('nodes')
    .description('every proxy: whether it is there, how far behind, what it holds')
    .action(async () =>
      print(door.output(), { data: await (await beside()).nodes() }, ({ data }) =>
        table(
          data.map(row),
          ['ID', 'NAME', 'STATE', 'LAG', 'HOLDS', 'RUNS', 'CALLS', 'VERSION'],
          'No proxy yet: countersign proxy enroll --help',
        ),
      ),
    )

  proxy
    .command('expel <id>')
    .description('it loses its line to the gate at once, and its key never comes back')
    .option('--yes', 'without asking')
    .action(async (id: string, { yes }: { yes?: true }) => {
      await confirm(door, `Expel ${plain(id)}`, 'this installation', yes)
      await (await beside()).expel(id)
      print(door.output(), { id, state: 'expelled' }, () => `${plain(id)}  expelled`)
    })
}

async function enroll(door: Door, { file, fingerprint, name }: EnrollFlags): Promise<void> {
  if ((file === undefined) === (fingerprint === undefined))
    throw usage('Give --file where the proxy runs, or --fingerprint where the server runs.')
  if (file !== undefined)
    return print(door.output(), await (await beside()).ownIdentity(file), (made) =>
      [
        `Fingerprint  ${made.fingerprint}`,
        `Key          ${plain(made.file)}  it stays on this machine`,
        '',
        'On the machine of the server:',
        `  countersign proxy enroll --fingerprint ${made.fingerprint} --name ${name === undefined ? '<name>' : plain(name)}`,
      ].join('\n'),
    )
  const digest = (fingerprint as string).replaceAll(':', '').toLowerCase()
  if (!HEX.test(digest)) throw usage('A fingerprint is 64 hexadecimal digits.')
  if (name === undefined) throw usage('Give the node a name: --name edge-1.')
  print(door.output(), await (await beside()).enrol(digest, name), enrolledText)
}

const enrolledText = ({ node, gate_fingerprint, gate_listen }: Enrolled): string =>
  [
    `${node.id}  ${plain(node.name)}  enrolled`,
    '',
    'On the machine of the proxy set:',
    `  COUNTERSIGN_PROXY_NODE=${node.id}`,
    `  COUNTERSIGN_GATE_FINGERPRINT=${gate_fingerprint}`,
    '  COUNTERSIGN_GATE_ADDRESS=<where it reaches the gate>',
    ...(gate_listen === null
      ? ['', 'No gate listens yet: set COUNTERSIGN_GATE_LISTEN for the processes of role web or worker.']
      : [`    it listens on ${gate_listen}`]),
  ].join('\n')

const row = (one: Node): string[] => [
  one.id,
  plain(one.name),
  one.state,
  one.lag_ms === null ? '-' : `${one.lag_ms} ms`,
  one.leases === null ? '-' : String(one.leases),
  one.runs === null ? '-' : String(one.runs),
  String(one.calls.opens + one.calls.materials + one.calls.asks),
  one.version ?? '-',
]
