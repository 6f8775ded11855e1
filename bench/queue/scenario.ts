// What a scenario is given and gives: sizes that `--quick` and `--share` shrink, rounds in which the systems take turns, and figures that are the median.
import { type Figure, median, report } from '../figure.ts'
import type { SystemName } from './contenders.ts'
import type { Stage } from './stage.ts'

export type Run = {
  stage: Stage
  quick: boolean
  peers: readonly SystemName[]
  /** In ms: the full length (shrunk by --share), or the quick one. */
  ms(full: number, quick: number): number
  /** A number of things, alike. */
  count(full: number, quick: number): number
  rounds: number
  /** Only a full run meets a goal (Q157). */
  full: boolean
  say(figure: Omit<Figure, 'bench' | 'met'> & { meets?: boolean }): void
}

export type Scenario = { name: string; title: string; isQuick?: true; perform(run: Run): Promise<void> }

export const PAYLOAD_BYTES = 256

export const scenarioOf = ({ metric }: Pick<Figure, 'metric'>): string => metric.split(' ')[0] as string

/** For how long a scenario may take with --quick (Q157). */
const QUICK_MS = 45_000

/** Performs it; answers what is wrong with the time it took. */
export async function perform(scenario: Scenario, run: Run, now: () => number = () => performance.now()): Promise<string | null> {
  const begun = now()
  await scenario.perform(run)
  const ms = now() - begun
  return run.quick && ms > QUICK_MS
    ? `${scenario.name} took ${Math.round(ms / 1000)} s with --quick, where 45 s are allowed`
    : null
}

/** Prints a figure and keeps it. */
export const teller = (full: boolean, told: Figure[]) => (figure: Omit<Figure, 'bench' | 'met'> & { meets?: boolean }) => {
  const { meets, ...rest } = figure
  const whole: Figure = { bench: 'queue', ...rest, met: meets === undefined || !full ? null : meets }
  told.push(whole)
  report(whole)
}

/** Each system once a round, in turn; the median of each of its numbers. */
export async function takeTurns<Numbers extends Record<string, number>>(
  { rounds }: Run,
  systems: readonly SystemName[],
  act: (system: SystemName) => Promise<Numbers>,
): Promise<Map<SystemName, Numbers>> {
  const all = new Map<SystemName, Numbers[]>()
  for (let round = 0; round < rounds; round++)
    for (const system of systems) all.set(system, [...(all.get(system) ?? []), await act(system)])
  return new Map(
    [...all].map(([system, samples]) => {
      const names = Object.keys(samples[0] as Numbers)
      const medians = names.map((name) => [name, median(samples.map((sample) => sample[name] as number))])
      return [system, Object.fromEntries(medians) as Numbers]
    }),
  )
}

export const alone = { peer_name: null, peer: null } as const
