// The work behind the gate that no request waits for. In a process of role worker it is done as soon as it is woken; the schedules are what makes a lost wake-up
// harmless, and the same verbs do both.
import { defineKind, defineSchedule, type Kind, type Schedule } from '@countersign/queue'
import type { GateHouse } from '../gate/house.ts'
import { rejudgeHolds } from './rejudge.ts'
import { sweepHolds } from './sweep.ts'
import { tellEvents } from './tell.ts'

export const holdJobs = (house: GateHouse): Kind[] => [
  defineKind('proxy.hold_sweep', {
    keepOutput: false,
    async run() {
      await sweepHolds(house)
    },
  }) as Kind,
  defineKind('proxy.hold_rejudge', {
    keepOutput: false,
    async run() {
      await rejudgeHolds(house)
    },
  }) as Kind,
  defineKind('proxy.tell', {
    keepOutput: false,
    async run() {
      await tellEvents(house.vault)
    },
  }) as Kind,
]

export const holdSchedules: readonly Schedule[] = [
  defineSchedule('proxy-hold-sweep', { cron: '* * * * *', kind: 'proxy.hold_sweep', overlap: 'skip' }),
  defineSchedule('proxy-hold-rejudge', { cron: '* * * * *', kind: 'proxy.hold_rejudge', overlap: 'skip' }),
  defineSchedule('proxy-tell', { cron: '* * * * *', kind: 'proxy.tell', overlap: 'skip' }),
]
