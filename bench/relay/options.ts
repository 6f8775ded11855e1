// What a person may ask of this bench, or one sentence that says what is wrong with it.
// In this order: memory is that of a process that has done nothing else, so the streams come first; what fills the database comes last.
export const ROWS = ['streams', 'card', 'a2a', 'deliver', 'revoke', 'claim', 'accept'] as const
export type Row = (typeof ROWS)[number]

export type Options = {
  /** Empty: all. */
  names: readonly Row[]
  quick: boolean
  /** Held against the median of the kept runs. */
  check: boolean
  /** From now on one of the runs that later ones are held against. */
  keep: boolean
}

const isRow = (text: string): text is Row => (ROWS as readonly string[]).includes(text)

export function readOptions(given: readonly string[]): Options | string {
  const options = { quick: false, check: false, keep: false }
  const names: Row[] = []
  for (const arg of given)
    if (isRow(arg)) names.push(arg)
    else if (arg === '--quick' || arg === '--check' || arg === '--keep') options[arg.slice(2) as keyof typeof options] = true
    else return `"${arg}" is no row (${ROWS.join(' ')}) and no option`
  return options.keep && names.length > 0 ? '--keep takes a run of all rows' : { ...options, names }
}
