// What a person may ask of the bench, or one sentence that says what is wrong with it.
import type { SystemName } from './contenders.ts'

export type Options = {
  names: string[]
  quick: boolean
  peers: SystemName[]
  rounds: number
  /** Of the full lengths and counts; below 1 no goal is met, whatever the figure. */
  share: number
  /** Held against the last accepted ratios; less than 70 % of one ends the run with 1. */
  check: boolean
  /** From now on later runs are held against this one. */
  accept: boolean
  /** Nothing is run: the page is drawn anew from what was kept. */
  draw: boolean
}

const PEERS: SystemName[] = ['graphile-worker', 'pg-boss']

export function readOptions(given: string[]): Options {
  const options: Options = { names: [], quick: false, peers: [], rounds: 0, share: 1, check: false, accept: false, draw: false }
  let peers: SystemName[] | null = null
  const args = [...given]
  for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
    if (arg === '--quick') options.quick = true
    else if (arg === '--check') options.check = true
    else if (arg === '--accept') options.accept = true
    else if (arg === '--draw') options.draw = true
    else if (arg === '--rounds') options.rounds = positive(arg, args.shift())
    else if (arg === '--share') options.share = positive(arg, args.shift())
    else if (arg === '--peer') {
      const peer = args.shift() as SystemName | 'none'
      if (peer !== 'none' && !PEERS.includes(peer)) refuse(`--peer is ${PEERS.join(', ')} or none`)
      peers = [...(peers ?? []), ...(peer === 'none' ? [] : [peer])]
    } else if (/^B\d+$/i.test(arg)) options.names.push(arg.toUpperCase())
    else refuse(`"${arg}" is no scenario (B1 … B12) and no option`)
  }
  if (options.accept && (options.share !== 1 || peers !== null)) refuse('--accept takes a whole run, with its peers')
  options.peers = peers ?? PEERS
  options.rounds ||= options.quick ? 1 : 3
  return options
}

function positive(name: string, text: string | undefined): number {
  const value = Number(text)
  if (!(value > 0)) refuse(`${name} takes a number above 0`)
  return value
}

function refuse(message: string): never {
  process.stderr.write(
    `${message}\nusage: npm run bench -- queue [B1 B4 …] [--quick] [--peer graphile-worker|pg-boss|none] [--rounds n] [--share x] [--check|--accept] [--draw]\n`,
  )
  process.exit(2)
}
