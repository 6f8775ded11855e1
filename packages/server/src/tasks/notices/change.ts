// Who is told of an open task changes (T5): those who are new are judged and told, and may answer where the task asks whoever it reached (T101).
import type { Scope, Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { refusedBy } from '../judgement.ts'
import { judgeAddresses } from '../routing/address.ts'
import type { TaskRow } from '../sql.ts'
import { type Entry, keyOf, readNotify, spokenEntry } from './grammar.ts'
import { refuseUnknown } from './known.ts'

export type NotifyChange = { notify: string[]; fresh: string[]; added: string[] }

export async function readNotifyChange(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  given: readonly string[],
): Promise<NotifyChange> {
  const entries = readNotify(given)
  await refuseUnknown(house, t, scope, entries)
  const before = new Set(row.notify ?? [])
  const fresh = entries.filter((entry) => !before.has(spokenEntry(entry)))
  const outside = fresh.flatMap((entry) => addressOf(entry, entries.indexOf(entry)))
  const refused = await judgeAddresses(house, t, scope, outside)
  if (refused) throw refusedBy(scope, refused.judged, refused.problem)
  const added = row.assign_to === null ? fresh.map(keyOf) : []
  return { notify: entries.map(spokenEntry), fresh: fresh.map(spokenEntry), added }
}

const addressOf = ({ folded, channel }: Entry, i: number) =>
  folded === null ? [] : [{ address: folded, channel, path: `/notify/${i}` }]
