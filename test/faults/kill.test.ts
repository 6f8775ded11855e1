// kill -9 of anything at random points, while fifty agents wait and people answer (T167, A35). Short here; FAULTS=long kills a hundred times.
import { Countersign } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type Installation, openInstallation, type Process, postmasterOf, until } from '../harness/installation.ts'
import { type Crowd, gather, reckon } from './crowd.ts'

const IS_LONG = process.env.FAULTS === 'long'
const KILLS = IS_LONG ? 100 : 6
const SEED = Number(process.env.FAULTS_SEED ?? Math.floor(Math.random() * 1e9))
const VICTIMS = ['server', 'postmaster', 'backend', 'server and postmaster'] as const
type Victim = (typeof VICTIMS)[number]

const say = (line: string) => void process.stdout.write(`${line}\n`)

/** mulberry32: the same seed picks the same victims at the same counts. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below) | 0
  }
}

test(
  'T167 A35 kill -9 of servers and of PostgreSQL at random points loses no acknowledged create or decision, tells each end once, and every waiting agent gets its answer',
  async () => {
    const pick = seeded(SEED)
    const installation = await openInstallation({ servers: 2 })
    const { servers } = installation
    const crowd = gather({ ...(await membersOf(installation)), name: 'kill' })
    const times = new Map<Victim, number[]>()

    await until(() => crowd.ledger.decided.size > 20, servers)
    for (let n = 0; n < KILLS; n++) {
      const before = crowd.ledger.decided.size
      const victim = VICTIMS[n % VICTIMS.length] as Victim
      const more = 1 + pick(40)
      await until(() => crowd.ledger.decided.size >= before + more, servers)
      const ms = await strike(victim, servers[pick(servers.length)] as Process, installation, crowd)
      times.set(victim, [...(times.get(victim) ?? []), ms])
    }
    await crowd.disperse()

    const sums = await reckon(crowd, installation)
    say(
      `faults: seed ${SEED}; ${KILLS} kills; ${Object.entries(sums)
        .map((sum) => sum.reverse().join(' '))
        .join(', ')}`,
    )
    for (const [victim, all] of times)
      say(`  ${victim}: ${all.length} times, back after ${Math.min(...all)}–${Math.max(...all)} ms`)
  },
  IS_LONG ? 1_200_000 : 120_000,
)

/** Kills, lets what is a supervisor's work be done, and waits until every person's calls are acknowledged again. Answers how long that took. */
async function strike(
  victim: Victim,
  server: Process,
  { home, database, servers, look }: Installation,
  crowd: Crowd,
): Promise<number> {
  const at = performance.now()
  const pid = database.pid
  if (victim === 'backend') {
    const [backend] = await look<{ pid: number }>(
      "select pid from pg_stat_activity where usename = 'countersign_runtime' order by random() limit 1",
    )
    if (backend) process.kill(backend.pid, 'SIGKILL')
  }
  if (victim.includes('postmaster')) {
    expect(postmasterOf(home)).toBe(pid)
    process.kill(pid, 'SIGKILL')
  }
  if (victim.includes('server')) await server.kill()
  if (victim.includes('postmaster')) await until(() => database.pid !== pid)
  if (victim.includes('server')) await server.restart()
  const since = performance.now()
  await until(() => crowd.ledger.latest.every((begun) => begun > since), servers)
  return Math.round(performance.now() - at)
}

/** Fifty agents with five keys on two servers, five of them in a hurry; two people at each server. */
async function membersOf({ servers, agentKey, owner }: Installation) {
  const keys: string[] = []
  for (let n = 1; n <= 5; n++) keys.push(await agentKey(`bot-${n}`))
  const people = await Promise.all([...servers, ...servers].map(owner))
  const clients = Array.from({ length: 50 }, (_, i) => {
    const { url } = servers[i % servers.length] as Process
    return new Countersign({ url, key: keys[Math.floor(i / 2) % keys.length] })
  })
  return { agents: clients.slice(5), hasty: clients.slice(0, 5), people }
}
