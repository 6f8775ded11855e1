// What the control plane's side of the gate needs; main wires it once. Holds nothing by itself.
import type { TasksHouse } from '../../tasks/house.ts'
import type { VaultHouse } from '../../vault/house.ts'
import type { Definition } from '../../vault/providers/definition.ts'

export type GateHouse = {
  vault: VaultHouse
  /** Whoever is asked about a request is asked by a task. */
  tasks: TasksHouse
  /** The definitions of this build, by name. */
  bundled: ReadonlyMap<string, Definition>
  /** For how long a node may use material again without asking (V24); 0: not at all. */
  leaseSeconds: number
  /** How much of a body a judgement reads, in bytes: as the nodes have it. */
  inspectBody: number
}
