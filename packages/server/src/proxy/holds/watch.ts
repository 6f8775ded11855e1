// Does at once what the jobs of this folder would do within a minute: woken by the events of a node and by each change of what holds are judged by, and once a second.
// Any number of processes may watch: what one does the other finds done.
import type { GateHouse } from '../gate/house.ts'
import { rejudgeHolds } from './rejudge.ts'
import { tellEvents } from './tell.ts'

export type HoldWatch = { close(): Promise<void> }

export function watchHolds(house: GateHouse): HoldWatch {
  const { db, log } = house.vault
  const rejudging = bell(() => rejudgeHolds(house), 'holds could not be judged again')
  const telling = bell(() => tellEvents(house.vault), 'events of the proxy could not be handed on')
  const unsubscribe = [db.listen.subscribe('proxy_holds', rejudging.ring), db.listen.subscribe('untold_events', telling.ring)]

  function bell(work: () => Promise<unknown>, failed: string) {
    let running: Promise<void> | null = null
    let again = false
    async function run(): Promise<void> {
      do {
        again = false
        await work().catch((error: unknown) => log.warn({ err: error }, `${failed}; it is tried again`))
      } while (again)
      running = null
    }
    return {
      ring: () => {
        if (running !== null) again = true
        else running = run()
      },
      idle: async () => {
        again = false
        await running
      },
    }
  }
  return {
    async close() {
      for (const one of unsubscribe) one()
      await Promise.all([rejudging.idle(), telling.idle()])
    },
  }
}
