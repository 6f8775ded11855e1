// The status room's wiring: what is probed, the board, the meter, and what this process does of it. Probes of other rooms are named here and nowhere else.
import { readFileSync } from 'node:fs'
import type { PrometheusMeter, Queue } from '@countersign/queue'
import { readCertificates } from '../crypto/certificate.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Db } from '../db/tx.ts'
import { openRelayCounts, relayBoard } from '../relay/status/probe.ts'
import { openBoards } from '../status/board.ts'
import { countAnswers, observeStatus, type Seen } from '../status/metrics.ts'
import { type Monitor, openMonitor } from '../status/monitor.ts'
import {
  certificateProbe,
  databaseProbe,
  type Probe,
  queueProbe,
  recordProbe,
  schemaProbe,
  securityTxtProbe,
  webhooksProbe,
} from '../status/probe.ts'
import type { StatusHouse } from '../status/routes.ts'
import type { Log } from '../std/log.ts'
import { examine } from './checks/examine.ts'
import { type Config, tlsFiles } from './config.ts'

type Ground = { config: Config; db: Db; keyring: Keyring; log: Log; version: string; origin(): string }

export type Status = {
  house: StatusHouse
  /** What http/ tells of each answer. */
  observe(seen: Seen): void
  /** Measures every minute, where this process keeps the house; once the server listens. */
  start(): Monitor | null
}

export function openStatus(
  ground: Ground,
  queue: Queue,
  meter: PrometheusMeter,
  handed: readonly Probe[],
  openStreams: () => number,
): Status {
  const { config, db, keyring, log, version, origin } = ground
  const probes = [...ownProbes(ground, queue), ...handed]
  const boards = openBoards({ db, log, probes, file: config.statusSnapshotFile })
  const counts = openRelayCounts(() => db.clock.now().getTime())
  const count = countAnswers(meter)
  observeStatus(meter, { db, version, current: () => boards.current() })
  return {
    house: {
      ...{ db, log, keyring, queue, version, boards, origin },
      view: config.statusPublic,
      relay({ components, away_since }, full) {
        const here = { counts, openStreams: openStreams(), build: version, away: away_since !== null }
        return relayBoard(
          components.find((one) => one.name === 'relay'),
          here,
          full,
        )
      },
      securityTxtFile: config.securityTxtFile,
      metrics: () => meter.text(),
      examine: () => examine(config, db, log),
    },
    observe(seen) {
      count(seen)
      counts.observe(seen)
    },
    start: () => (config.roles.includes('maintenance') ? openMonitor({ db, log, probes }) : null),
  }
}

function ownProbes({ config }: Ground, queue: Queue): Probe[] {
  const tls = tlsFiles(config)
  return [
    databaseProbe,
    schemaProbe,
    queueProbe(queue),
    webhooksProbe,
    recordProbe,
    ...(tls ? [certificateProbe(() => datesOf(tls.certFile))] : []),
    ...(config.securityTxtFile === null ? [] : [securityTxtProbe(config.securityTxtFile)]),
  ]
}

function datesOf(file: string): { from: Date; until: Date } {
  const [leaf] = readCertificates(readFileSync(file, 'utf8')) ?? []
  if (!leaf) throw new Error(`${file} holds no certificate.`)
  return { from: new Date(leaf.validFrom), until: new Date(leaf.validTo) }
}
