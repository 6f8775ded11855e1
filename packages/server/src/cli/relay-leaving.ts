// countersign relay export, erase: what one side takes out, and what an owner has erased. Both ask for a person (†): a key does not prove that anybody is there.
import { closeSync, openSync, writeSync } from 'node:fs'
import { Problem, type RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { plain, print, usage } from './output.ts'
import { asPerson, type SignIn, withSignIn } from './person.ts'
import type { Door } from './tasks.ts'

type Export = RouteAnswer<'GET /exports/:id'>
type Erasure = RouteAnswer<'GET /erasures/:id'>
type Person = Parameters<Parameters<typeof asPerson>[2]>[0]

const EVERY_MS = 250
const SUBJECTS = { thr: 'thread', rgr: 'relay_grant', card: 'card' } as const
const EXPORTED = { ...SUBJECTS, ten: 'tenant' } as const

export function leavingCommands(group: Command, door: Door): void {
  withSignIn(
    group
      .command('export <id>')
      .description('your side of a thread, a relay grant or a card, or your whole tenant, as a file that verifies by itself'),
  )
    .option('--out <file>', 'where to; else stdout')
    .action((id: string, options: SignIn & { out?: string }) => exportSide(door, id, options))
  withSignIn(
    group
      .command('erase <id>')
      .description('erase what was said in a thread, under a relay grant or to a card; nothing brings it back'),
  )
    .option('--plan', 'only say what it would take away')
    .option('--yes', 'do not ask')
    .action((id: string, options: SignIn & { plan?: true; yes?: true }) => erase(door, id, options))
}

function subjectIn<T extends string>(subjects: Record<string, T>, id: string, names: string): T {
  const subject = subjects[id.slice(0, id.indexOf('_'))]
  if (subject === undefined) throw usage(`Name ${names}.`)
  return subject
}

async function exportSide(door: Door, id: string, { out, ...signIn }: SignIn & { out?: string }): Promise<void> {
  const subject = subjectIn(EXPORTED, id, 'a thread (thr_…), a relay grant (rgr_…), a card (card_…) or your tenant (ten_…)')
  const { json, stdout } = door.output()
  if (json && out === undefined) throw usage('With --json say with --out where the file goes.')
  const made = await asPerson(door, signIn, async (person) => {
    const begun = read<Export>(await person('POST', '/exports', { subject, id }))
    const done = await until(person, `/exports/${begun.id}`, (one: Export) => one.state !== 'running')
    if (done.state !== 'ready') throw new Error(done.error ?? `The export is ${done.state}.`)
    const file = out === undefined ? null : openSync(out, 'w', 0o600)
    try {
      for (let n: number | null = 0; n !== null; ) {
        const piece: { text: string; next: number | null } = read(await person('GET', `/exports/${done.id}/pieces/${n}`))
        if (file === null) stdout(piece.text)
        else writeSync(file, piece.text)
        n = piece.next
      }
    } finally {
      if (file !== null) closeSync(file)
    }
    return done
  })
  if (out === undefined) return
  print(door.output(), { ...made, file: out }, ({ threads, written, bytes }) =>
    plain(`${out}  ${threads} threads, ${written} lines, ${bytes} bytes; check it with: countersign audit verify ${out}`),
  )
}

async function erase(door: Door, id: string, { plan, yes, ...signIn }: SignIn & { plan?: true; yes?: true }): Promise<void> {
  const subject = subjectIn(SUBJECTS, id, 'a thread (thr_…), a relay grant (rgr_…) or a card (card_…)')
  // Before anybody is signed in, where nobody could be asked afterwards.
  if (!plan && !yes) await confirm(door, `Erase what was said in ${plain(id)}`, door.client().settings.url, process.stdin.isTTY)
  const erasure = await asPerson(door, signIn, async (person) => {
    const planned = read<Erasure>(await person('POST', '/erasures', { subject, id }))
    if (plan) return planned
    door.output().stderr(`${wouldTake(planned)}\n`)
    await confirm(door, `Erase what was said in ${plain(id)}`, door.client().settings.url, yes)
    await person('POST', `/erasures/${planned.id}/confirm`, {})
    return until(person, `/erasures/${planned.id}`, (one: Erasure) => one.state !== 'running')
  })
  print(door.output(), erasure, plan ? wouldTake : done)
  if (!plan && erasure.state !== 'done') throw new Problem('state_conflict', { state: erasure.state })
}

const wouldTake = ({ id, plan }: Erasure): string =>
  plain(
    `${id}  takes away ${plan.messages} messages of ${plan.threads} threads (${plan.open_threads} open), ${plan.tasks} questions, ${plan.deliveries} deliveries, ${plan.exports} exports`,
  )
const done = ({ id, counts, receipt }: Erasure): string =>
  plain(`${id}  erased ${counts?.messages ?? 0} messages of ${counts?.threads ?? 0} threads\n${receipt?.receipt ?? ''}`)

async function until<T>(person: Person, path: string, enough: (one: T) => boolean): Promise<T> {
  for (;;) {
    const one = read<T>(await person('GET', path))
    if (enough(one)) return one
    await new Promise((resume) => setTimeout(resume, EVERY_MS))
  }
}

const read = <T>(text: string): T => JSON.parse(text) as T
