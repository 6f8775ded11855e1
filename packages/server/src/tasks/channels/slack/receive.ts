// A request of Slack at the door (T115): whose app signed these bytes, and whether they were acted on before. Until the signature holds, what the body says only narrows
// whose secret is tried. Unsigned, old or strange is 401; a body that comes again is answered and does nothing.
import { Problem } from '@countersign/sdk'
import { sha256 } from '../../../crypto/token.ts'
import { systemScope } from '../../../db/scope.ts'
import { once, tx } from '../../../db/tx.ts'
import type { RequestInfo } from '../../../http/route.ts'
import type { SlackHouse } from './house.ts'
import { openApp } from './material.ts'
import { type Json, readRecord, textAt } from './read.ts'
import { isFresh, isSignedBy, LONGEST_AGE_MS, readSigned, type Signed } from './signature.ts'
import { findCandidates, forgetBodies, nameAppIfUnknown, noteBody } from './sql.ts'

export type Received = { tenantId: string; teamId: string | null; body: Json; again: boolean }

type Asked = { bytes: Uint8Array; request: Pick<RequestInfo, 'header'> }

/** `form`: JSON in a field called payload, as interactions come; `json`: as events come. */
export async function readRequest(house: SlackHouse, as: 'form' | 'json', { bytes, request }: Asked): Promise<Received> {
  const signed = readSigned(request.header, bytes)
  if (!signed) throw new Problem('signature_invalid')
  if (!isFresh(signed, house.tasks.db.now())) throw new Problem('signature_expired')
  const text = Buffer.from(bytes).toString('utf8')
  const body = readRecord(as === 'json' ? text : (new URLSearchParams(text).get('payload') ?? ''))
  if (!body) throw new Problem('signature_invalid')
  const teamId = textAt(body, 'team', 'id') ?? textAt(body, 'user', 'team_id') ?? textAt(body, 'team_id')
  const appId = textAt(body, 'api_app_id')
  const tenantId = await signerOf(house, signed, appId, teamId)
  if (tenantId === null) throw new Problem('signature_invalid')
  return { tenantId, teamId, body, again: await seenBefore(house, tenantId, appId, body, bytes) }
}

async function signerOf(house: SlackHouse, signed: Signed, appId: string | null, teamId: string | null): Promise<string | null> {
  const { db } = house.tasks
  for (const { tenant_id } of await once<{ tenant_id: string }>(db, findCandidates(appId, teamId))) {
    const scope = systemScope('slack', tenant_id)
    const app = await tx(db, scope, (t) => openApp(house.tasks, t, scope), { readOnly: true })
    if (app && isSignedBy(app.signingSecret.reveal(), signed)) return tenant_id
  }
  return null
}

/** What only asks and changes nothing may be asked as often as Slack likes. */
const ASKS = ['url_verification', 'block_suggestion']

async function seenBefore(
  house: SlackHouse,
  tenantId: string,
  appId: string | null,
  body: Json,
  bytes: Uint8Array,
): Promise<boolean> {
  if (ASKS.includes(String(body.type))) return false
  const scope = systemScope('slack', tenantId)
  return tx(house.tasks.db, scope, async (t) => {
    if (appId !== null) await nameAppIfUnknown(t, scope, appId)
    const first = await noteBody(t, scope, sha256(Buffer.from(bytes)))
    await forgetBodies(t, scope, new Date(t.now.getTime() - 3 * LONGEST_AGE_MS))
    return first === 0
  })
}
