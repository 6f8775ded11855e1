// What a person may ask of this bench, or one sentence that says what is wrong with it.
// In this order: memory is that of a process that has done nothing else, and what fills the database comes last.
export const SCENARIOS = ['B2', 'B4', 'B5', 'B1', 'B7', 'B6'] as const
export type Name = (typeof SCENARIOS)[number]

export type Options = {
  names: readonly Name[]
  quick: boolean
  /** Of the full lengths and counts; below 1 no goal is met, whatever the figure. */
  share: number
  /** How many processes serve, each a pass of its own. */
  servers: readonly number[]
  /** Another pass, with the most processes, through PgBouncer in transaction mode. */
  pooled: boolean
  check: boolean
  accept: boolean
  /** Nothing is run: the page is drawn anew from what was kept. */
  draw: boolean
}

/** B3 comes with B2: they are the same waits. */
const byName = (text: string): Name | undefined => SCENARIOS.find((name) => name === (text === 'B3' ? 'B2' : text))

export function readOptions(given: readonly string[]): Options {
  const options = { quick: false, share: 1, check: false, accept: false, draw: false }
  const names: Name[] = []
  let pooled: boolean | null = null
  let servers: number[] | null = null
  const args = [...given]
  for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
    const name = byName(arg.toUpperCase())
    if (name) names.push(name)
    else if (arg === '--quick') options.quick = true
    else if (arg === '--check') options.check = true
    else if (arg === '--accept') options.accept = true
    else if (arg === '--draw') options.draw = true
    else if (arg === '--pooled') pooled = true
    else if (arg === '--share') options.share = positive(arg, args.shift())
    else if (arg === '--servers') servers = [Math.ceil(positive(arg, args.shift()))]
    else refuse(`"${arg}" is no scenario (B1 … B7) and no option`)
  }
  if (options.accept && options.share !== 1) refuse('--accept takes a whole run, or a quick one')
  return {
    ...options,
    names: SCENARIOS.filter((name) => names.length === 0 || names.includes(name)),
    servers: servers ?? (options.quick ? [1] : [1, 3]),
    pooled: pooled ?? (!options.quick && servers === null),
  }
}

function positive(name: string, text: string | undefined): number {
  const value = Number(text)
  if (!(value > 0)) refuse(`${name} takes a number above 0`)
  return value
}

function refuse(message: string): never {
  process.stderr.write(
    `${message}\nusage: npm run bench -- tasks [B1 B2 …] [--quick] [--servers n] [--pooled] [--share x] [--check|--accept] [--draw]\n`,
  )
  process.exit(2)
}
