// The rows of vault.md §13, in the order in which they are measured. One that needs the processes of the rig says so by `measure`; the others bring their own.
import type { Figure } from '../figure.ts'
import { measure as measureRotation } from '../platform/rotate.ts'
import { decision } from './decision.ts'
import { firstHost } from './first-host.ts'
import { hold } from './hold.ts'
import { revocation } from './revocation.ts'
import type { Rig } from './rig.ts'
import { runStart } from './run-start.ts'
import { sse } from './sse.ts'
import { storm } from './storm.ts'
import { streams } from './stream.ts'
import { latency, throughput } from './throughput.ts'
import { resolve, sealing } from './vault.ts'

export type Options = { quick: boolean; say(figure: Figure): void }
export type Row =
  | { measure(rig: Rig, options: Options): Promise<void>; alone?: undefined }
  | { alone(options: Options): Promise<void>; measure?: undefined }

const over = (measure: (rig: Rig, options: Options) => Promise<void>): Row => ({ measure })

const alone = (measure: (options: Options) => Promise<void>): Row => ({ alone: measure })

/** That of `platform rotate`, for which the vault's rows are like any other. */
async function rotation({ quick, say }: Options): Promise<void> {
  const figures = await measureRotation({ quick, compares: false, ...(quick ? { envelopes: 1_000 } : {}) })
  for (const figure of figures) say({ ...figure, bench: 'rotation' })
}

export const ROWS = {
  throughput: over(throughput),
  latency: over(latency),
  'first-host': over(firstHost),
  decision: alone(decision),
  stream: over(streams),
  sse: over(sse),
  resolve: over(resolve),
  seal: alone(sealing),
  revocation: over(revocation),
  'refresh-storm': over(storm),
  rotation: alone(rotation),
  hold: over(hold),
  'run-start': over(runStart),
}
export type RowName = keyof typeof ROWS
