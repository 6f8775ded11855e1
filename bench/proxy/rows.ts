// The rows of vault.md §13, in the order in which they are measured. One that needs the processes of the rig says so by `measure`; the others bring their own.
import type { Figure } from '../figure.ts'
import type { Rig } from './rig.ts'
import { latency, throughput } from './throughput.ts'

export type Options = { quick: boolean; say(figure: Figure): void }
export type Row =
  | { measure(rig: Rig, options: Options): Promise<void>; alone?: undefined }
  | { alone(options: Options): Promise<void>; measure?: undefined }

const over = (measure: (rig: Rig, options: Options) => Promise<void>): Row => ({ measure })

export const ROWS = {
  throughput: over(throughput),
  latency: over(latency),
}
export type RowName = keyof typeof ROWS
