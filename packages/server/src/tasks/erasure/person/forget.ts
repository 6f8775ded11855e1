// Forgetting a person (T57, P146): their addresses and names go from every task, notice, link, mail and message of the tenant; what they decided stays decided, by
// somebody with an id and no name. Exports of the whole tenant, which hold them too, are gone with it.
// Whoever erases people calls this within their own transaction. Ends no task, and destroys no key but those exports'.
import { sha256 } from '../../../crypto/token.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import { foldEmail } from '../../../identity/email.ts'
import { destroySubjectKey } from '../../../identity/keys-at-rest/tenant-key.ts'
import type { Quorum } from '../../quorum/quorum.ts'
import { taskTopic } from '../../settle.ts'
import { dropTenantExports } from '../sql.ts'
import {
  type Erasing,
  findQuorumsNaming,
  forgetComments,
  forgetDecisions,
  forgetEmbeds,
  forgetFaults,
  forgetLinks,
  forgetMails,
  forgetMessages,
  forgetNotices,
  forgetReasons,
  forgetSlackPeople,
  forgetTasks,
  putQuorum,
} from './sql.ts'

/** `emails` in any case; without a user it is somebody outside, who was asked by an address. */
export async function forgetPerson(t: Tx, scope: Scope, given: Erasing): Promise<void> {
  const emails = [...new Set(given.emails.flatMap((email) => foldEmail(email) ?? []))]
  const who = { userId: given.userId, emails }
  const changed = await forgetTasks(t, scope, who)
  for (const { id, quorum } of await findQuorumsNaming(t, scope, who))
    await putQuorum(t, scope, id, without(quorum as Quorum, emails))
  await forgetMails(t, scope, emails.map(sha256))
  for (const forget of ELSEWHERE) await forget(t, scope, who)
  for (const { id } of await dropTenantExports(t, scope)) await destroySubjectKey(t, scope, `export:${id}`)
  for (const { id } of changed) t.wake(taskTopic(id))
}

const ELSEWHERE = [
  ...[forgetDecisions, forgetComments, forgetNotices, forgetReasons, forgetLinks],
  ...[forgetMessages, forgetSlackPeople, forgetEmbeds, forgetFaults],
]

/** What was sent is forgotten with them; whom the groups ask besides stays. */
const without = (quorum: Quorum, emails: readonly string[]): Quorum => {
  const others = (keys: readonly string[]) => keys.filter((key) => !emails.includes(key))
  return {
    ...quorum,
    asked: others(quorum.asked),
    sent: null,
    groups: quorum.groups.map((group) => ({ ...group, assign_to: null, keys: group.keys && others(group.keys) })),
  }
}
