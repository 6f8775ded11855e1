// The database's time for a process that judges by it: grants and runs begin and end by that clock, whatever this machine's says. Between two answers it goes on as
// the machine's does.
import { type Clock, systemClock } from '../../std/clock.ts'

export type DatabaseClock = Clock & {
  /** The time that the database said just now. Small differences are the way that the answer took. */
  follow(now: Date): void
}

const NOTICED_MS = 250

export function databaseClock(own: Clock = systemClock): DatabaseClock {
  let ahead = 0
  return {
    now: () => new Date(own.now().getTime() + ahead),
    timer: own.timer,
    follow(now) {
      const difference = now.getTime() - own.now().getTime()
      if (Math.abs(difference - ahead) > NOTICED_MS) ahead = difference
    },
  }
}
