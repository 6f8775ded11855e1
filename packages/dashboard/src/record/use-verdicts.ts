// Reads what is needed to check each entry of a record, and checks it. Whoever may not read proofs learns why; nothing is taken for verified meanwhile.
import { Problem } from '@countersign/sdk'
import { useQueries, useQuery } from '@tanstack/react-query'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import type { RecordEntry } from '../talk/sentence.ts'
import { t } from '../text/t.ts'
import { type Keys, type Verdict, verify } from './verify.ts'

/** Until the checkpoint of the minute is signed. */
const AGAIN_MS = 5_000

export type Judged = { verdict: Verdict | undefined; error: unknown }

const readKeys = async (tenantId: string): Promise<Keys> =>
  (await api.transport.call<Keys>('GET', '.well-known/countersign/audit-keys.json', { query: { tenant_id: tenantId } })).body

async function judge(entry: RecordEntry, keys: Keys, tenantId: string): Promise<Verdict> {
  const detail = await api.call('GET /events/:id', { params: { id: entry.id } })
  const proof = detail.seal?.checkpointed
    ? await api.call('GET /audit/proofs/:event_id', { params: { event_id: entry.id } }).catch((error: unknown) => {
        if (error instanceof Problem && error.code === 'not_sealed_yet') return null
        throw error
      })
    : null
  return verify(entry, detail, proof, keys, tenantId)
}

export function useVerdicts(entries: readonly RecordEntry[]) {
  const me = useUser()
  const closed = closedTo(me, 'event.list', t('read the record')) ?? closedTo(me, 'audit.verify', t('read proofs'))
  const tenantId = me.tenant_id
  const keys = useQuery({
    queryKey: ['audit', 'keys', tenantId],
    queryFn: () => readKeys(tenantId),
    enabled: closed === undefined,
    staleTime: Infinity,
  })
  const judged: Judged[] = useQueries({
    queries: entries.map((entry) => ({
      // What is shown is part of what is checked.
      queryKey: ['audit', 'verdict', entry.id, JSON.stringify(entry)],
      queryFn: () => judge(entry, keys.data as Keys, tenantId),
      enabled: keys.data !== undefined,
      staleTime: Infinity,
      refetchInterval: (query: { state: { data?: Verdict | undefined } }) =>
        query.state.data?.state === 'waits' ? AGAIN_MS : (false as const),
    })),
  }).map(({ data, error }) => ({ verdict: data, error }))
  return { closed, keys, judged }
}
