// What the pages of connections share: the words of states and methods, and the act that reads the pages again.
import type { Connection } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { t } from '../text/t.ts'
import { Badge, type Tone } from '../ui/badge.tsx'

export type Method = Connection['method']

const STATUS: Record<Connection['status'], { word: string; tone: Tone }> = {
  pending: { word: t('Being connected'), tone: 'info' },
  connected: { word: t('Connected'), tone: 'good' },
  needs_reauth: { word: t('Needs a new login'), tone: 'warn' },
  suspended: { word: t('Suspended'), tone: 'bad' },
  revoked: { word: t('Revoked'), tone: 'quiet' },
  removed: { word: t('Removed'), tone: 'quiet' },
}
export const STATUSES = Object.keys(STATUS) as Connection['status'][]
export const statusWord = (status: Connection['status']): string => STATUS[status].word

export const ConnectionBadge = ({ connection }: { connection: Pick<Connection, 'status' | 'status_cause'> }) => (
  <Badge tone={STATUS[connection.status].tone}>
    {STATUS[connection.status].word}
    {connection.status_cause && connection.status !== 'connected' ? `: ${connection.status_cause.replaceAll('_', ' ')}` : ''}
  </Badge>
)

const METHODS: Record<Method, string> = {
  code: t('sign in at the provider'),
  device: t('type a code in at the provider'),
  register: t('sign in; we register by ourselves'),
  client_credentials: t('the credentials of our client'),
  jwt_bearer: t('a signed statement'),
  token_exchange: t('in exchange for another token'),
  github_app: t('a GitHub App'),
  api_key: t('an API key'),
  basic: t('user and password'),
  aws: t('AWS access keys'),
  minted_jwt: t('a token signed here'),
  cookies: t('a web session, pasted'),
}
export const methodWord = (method: Method): string => METHODS[method]

/** An act on connections or grants: afterwards every page of them is read again. */
export function useVaultAct<T, A>(act: (given: A) => Promise<T>, done?: (answer: T) => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: done,
    onSettled: () =>
      Promise.all(['connections', 'grants', 'providers'].map((key) => queries.invalidateQueries({ queryKey: [key] }))),
  })
}
