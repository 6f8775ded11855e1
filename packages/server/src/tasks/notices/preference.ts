// By what a person hears of a task (T102): what they chose, else mail for what is asked of them alone. The inbox and open pages show everything anyway.
// Never tells by what the tenant has not set up, unless somebody named it.
import type { Scope, Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import type { RoutedPerson } from '../routing/sql.ts'
import type { NoticeChannel } from './grammar.ts'

export type Means = { channel: NoticeChannel; target: string }
type House = Pick<TasksHouse, 'channels'>

const DIRECT: readonly NoticeChannel[] = ['email', 'push']
const SHARED: readonly NoticeChannel[] = ['push']

/** Those that are set up, in the order in which they are tried. */
export async function preferred(house: House, t: Tx, scope: Scope, person: RoutedPerson, direct: boolean): Promise<Means[]> {
  const chosen = direct ? (person.notify_direct ?? DIRECT) : (person.notify_shared ?? SHARED)
  const means: Means[] = []
  for (const channel of chosen) {
    const target = targetOf(person, channel)
    if (target !== null && (await isTold(house, t, scope, channel))) means.push({ channel, target })
  }
  return means
}

/** Push reaches browsers by the person, mail and Slack by their address. A webhook endpoint is a place and nobody's own. */
const targetOf = (person: RoutedPerson, channel: NoticeChannel): string | null =>
  channel === 'push' ? person.id : channel === 'webhook' ? null : person.email

/** Whether this tenant has set the channel up. */
export async function isTold({ channels }: House, t: Tx, scope: Scope, name: NoticeChannel): Promise<boolean> {
  const channel = name === 'push' ? undefined : channels.get(name)
  return channel !== undefined && (channel.isReady === undefined || (await channel.isReady(t, scope)))
}
