// The checks of the machine: name servers, the forward proxy, room on the disk, and who may enter the folders of data and keys. Writes nothing.
import { existsSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { dataFolder } from '../../db/embedded/cluster.ts'
import { answersQuestions } from '../../egress/guard.ts'
import { asksProxy, describeProxy } from '../../egress/proxy.ts'
import type { Config } from '../config.ts'
import { ProxyRefused, proxyOf } from '../proxy.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

export const checkSurroundings = async (config: Config): Promise<Finding[]> => [
  await checkDns(config),
  ...(await checkProxy(config)),
  checkDisk(config),
  checkFolders(config),
]

/** Where a laptop is offline or nearly full, development goes on: nothing there leaves the machine or lasts. */
const refusal = ({ environment }: Config) => (environment === 'production' ? fail : warn)

/** Who takes callbacks or keeps the house calls nobody. */
const dials = ({ roles }: Config): boolean => ['web', 'worker', 'proxy'].some((role) => roles.includes(role as 'web'))

async function checkDns(config: Config): Promise<Finding> {
  if (!dials(config)) return ok('egress.dns', 'This process calls nobody.')
  const { answers, servers } = await answersQuestions(
    config.egressDnsServers,
    config.environment === 'production' ? 3_000 : 1_000,
  )
  if (answers) return ok('egress.dns', `${servers.join(', ')} ${servers.length === 1 ? 'answers' : 'answer'}`)
  return refusal(config)(
    'egress.dns',
    servers.length === 0
      ? 'This machine names no name server.'
      : `No name server answers (${servers.join(', ')}): nothing can be delivered.`,
    'Name one that answers in COUNTERSIGN_EGRESS_DNS_SERVERS, and let this machine reach it at port 53.',
  )
}

/** A proxy that is away for a while keeps nothing here from starting: what is to go out waits. Credentials that it refuses do. */
async function checkProxy(config: Config): Promise<Finding[]> {
  if (config.egressProxy === null || !dials(config)) return []
  try {
    const proxy = proxyOf(config)
    if (proxy === null) return []
    const said = await asksProxy(proxy, config.environment === 'production' ? 3_000 : 1_000)
    const name = describeProxy(proxy)
    if (said === 'answers') return [ok('egress.proxy', `${name} answers`)]
    if (said === 'silent')
      return [
        warn(
          'egress.proxy',
          `The forward proxy ${name} does not answer: nothing goes out until it does.`,
          'Start it, or name another in COUNTERSIGN_EGRESS_PROXY; nothing is called past it.',
        ),
      ]
    return [
      refusal(config)(
        'egress.proxy',
        `The forward proxy ${name} refuses our credentials.`,
        'Put user and password into COUNTERSIGN_EGRESS_PROXY, or into the file that COUNTERSIGN_EGRESS_PROXY_FILE names.',
      ),
    ]
  } catch (error) {
    if (!(error instanceof ProxyRefused)) throw error
    return [fail('egress.proxy', error.message, 'Name a file in PEM in COUNTERSIGN_EGRESS_PROXY_CA_FILE.')]
  }
}

const LEAST_BYTES = 1024 ** 3
const LEAST_SHARE = 0.05

function checkDisk(config: Config): Finding {
  // The folder is made at the first start.
  let place = config.home
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place)
  const { bavail, blocks, bsize } = statfsSync(place)
  const free = bavail * bsize
  const share = blocks > 0 ? bavail / blocks : 1
  const what = `${(free / LEAST_BYTES).toFixed(1)} GiB free (${Math.floor(share * 100)} %)`
  if (free >= LEAST_BYTES && share >= LEAST_SHARE) return ok('disk', what)
  return refusal(config)('disk', `Only ${what} where ${config.home} lies.`, 'Make room: a database without any stops.')
}

/** What lies in them is for this process and for PostgreSQL alone. */
function checkFolders({ home }: Config): Finding {
  const open = [join(home, 'keys'), dataFolder(home)].filter(
    (folder) => existsSync(folder) && (statSync(folder).mode & 0o077) !== 0,
  )
  if (open.length === 0) return ok('files', 'Data and keys are closed to other accounts.')
  return fail('files', `Other accounts can enter ${open.join(' and ')}.`, `chmod 700 ${open.join(' ')}`)
}
