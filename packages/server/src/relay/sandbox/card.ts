// The agent `sandbox` (relay.md R3): a tenant and a card that every installation has, so that one person can try everything. Made at the start, by whichever process comes first. Nobody
// signs in to that tenant, and it is on no list of tenants; the card is one like any other, and so are its grants.
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { tenantWire } from '../../std/id.ts'
import { createCardIn, putContent, takeCard } from '../cards/card.ts'
import { type NewCard, readContent } from '../cards/input.ts'
import { contentHash } from '../cards/publish.ts'
import type { RelayHouse } from '../house.ts'
import { SANDBOX, sandboxScope } from './place.ts'
import { findSandboxCard, insertSandboxTenant } from './sql.ts'

const skill = (id: string, name: string, description: string, examples: string[]) => ({
  ...{ id, name, description, examples },
  tags: ['sandbox', 'test'],
})

const CARD: NewCard = {
  slug: SANDBOX,
  name: 'Sandbox',
  summary: 'Answers by the first word of what it is told, so that one person can try everything.',
  description:
    'It comes with every Countersign and reaches nothing. The first word of the text decides: echo X, artifact, chunks 3, ask, approve, slow 5, message, fail, reject, silent. Anything else is said again.',
  category: 'testing',
  skills: [
    skill('talk', 'Talk', 'Says it again, asks back, answers directly, works for some seconds, or never answers.', [
      'echo hello',
      'ask',
      'slow 5',
      'message',
      'silent',
    ]),
    skill('make', 'Make', 'Makes artifacts: of a text, of data and of a file, or of one text in pieces.', [
      'artifact',
      'chunks 3',
    ]),
    skill('end', 'End', 'Waits for your own approval, fails, or refuses.', ['approve this', 'fail', 'reject']),
  ],
  accepted_inputs: ['*/*'],
  expected_outputs: ['text/plain', 'application/json', 'text/csv', '*/*'],
  visibility: 'public',
  direct_messages: true,
  retention_days: 1,
  max_message_bytes: 65_536,
  limits: { max_open_threads: 50, messages_per_day: 5_000, bytes_per_day: 67_108_864 },
}

/** What is there already and says the same is left as it is. */
export async function ensureSandbox(house: RelayHouse): Promise<void> {
  const scope = sandboxScope()
  if (await tx(house.db, scope, (t) => saysTheSame(t, scope), { readOnly: true })) return
  await tx(house.db, scope, async (t) => {
    // Of several processes that start at once one inserts it; the others wait for its commit here.
    if ((await insertSandboxTenant(t, scope)) > 0) await tellMade(t, scope)
    const known = await findSandboxCard(t, scope, SANDBOX)
    if (!known) await createCardIn(house, t, scope, CARD)
    else {
      const row = await takeCard(t, scope, known.id)
      await putContent(house, t, scope, row, readContent(row.content, CARD))
    }
  })
}

async function saysTheSame(t: Tx, scope: Scope): Promise<boolean> {
  const known = await findSandboxCard(t, scope, SANDBOX)
  return known !== null && contentHash(readContent(known.content, CARD)).equals(known.content_hash)
}

const tellMade = (t: Tx, scope: Scope): Promise<string> => {
  const id = tenantWire(scope.tenantId)
  return record(t, scope, 'tenant.created', { tenant_id: id }, { resource: { type: 'tenant', id } })
}
