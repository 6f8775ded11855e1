// docs/api.md: the contract table for people. Everything in it comes from the routes.
import { acceptedBy, type CredentialKind } from './credential.ts'
import { isMutating, isStream, type Route } from './route.ts'

const KINDS: Record<CredentialKind, string> = { session: 'session', key: 'key', relay: 'relay token', thread: 'thread token' }

function whoOf({ spec }: Route): string {
  const kinds = acceptedBy(spec).map((kind) => KINDS[kind])
  return kinds.length === 0 ? '–' : `${spec.auth === 'none' ? 'anybody, or ' : ''}${kinds.join(' or ')}`
}

export function apiPage(routes: readonly Route[], rootRoutes: readonly Route[] = []): string {
  const tags = [...new Set([...routes, ...rootRoutes].map((one) => one.spec.tag))].sort()
  const native = routes.filter((one) => one.spec.dialect !== 'compatible')
  const compatible = routes.filter((one) => one.spec.dialect === 'compatible' || one.spec.dialect === 'both')
  const sections = tags.flatMap((tag) => {
    const rows = [
      ...native.filter((one) => one.spec.tag === tag).map((one) => row(one, '/api/v1')),
      ...rootRoutes.filter((one) => one.spec.tag === tag).map((one) => row(one, '')),
    ]
    return rows.length === 0 ? [] : [`## ${tag}`, '', HEAD, ...rows, '']
  })
  return [
    '# Routes',
    '',
    'Made from the contract table (`npm run generate`). Bodies and answers in full: [`openapi.json`](openapi.json), which every server also answers at `/openapi.json`.',
    'Every native route also answers under `/api`. Refusals are problems (RFC 9457) with a `code` of [errors.md](errors.md); beside the codes named here any route may',
    'answer `unauthenticated`, `forbidden`, `scope_missing`, `validation_failed`, `not_found`, `rate_limited`, `store_unavailable` and `internal`.',
    'Mutating routes take an `Idempotency-Key`; lists take `limit` (1–200, 50) and `cursor` and answer `data` and `next_cursor`.',
    '',
    ...sections,
    ...(compatible.length === 0
      ? []
      : [
          '## Compatible surface',
          '',
          'Under `/api` these speak the dialect of existing clients: unknown members are ignored and named in `Countersign-Ignored`.',
          '',
          HEAD,
          ...compatible.map((one) => row(one, '/api')),
          '',
        ]),
  ].join('\n')
}

const HEAD = '| Route | What it does | Who | Answers | Own problems |\n| --- | --- | --- | --- | --- |'

function row(one: Route, prefix: string): string {
  const { spec } = one
  const who = `${whoOf(one)}${spec.action ? ` with \`${spec.action}\`` : ''}${spec.stepUp ? ', recently proved' : ''}`
  const answers = `${Object.keys(spec.answers).join(', ')}${isStream(one) ? ' (events)' : ''}${isMutating(one) && spec.secretOnce ? ', secret shown once' : ''}`
  const problems = (spec.problems ?? []).map((code) => `\`${code}\``).join(', ') || '–'
  return `| ${one.method} \`${prefix}${one.path.replaceAll(/:([a-z_]+)/g, '{$1}')}\` | ${spec.summary} | ${who} | ${answers} | ${problems} |`
}
