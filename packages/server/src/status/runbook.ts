// Which page of docs/runbooks/ says what to do about what (P144): by the name of a component of the status page, and by the code of a check. Knows no state.
const PAGES: Record<string, readonly string[]> = {
  'database-away': ['database', 'db.reach', 'db.replica', 'db.pooler', 'db.clock', 'db.version'],
  'schema-differs': ['schema', 'db.schema', 'db.rls', 'db.role'],
  'work-waits': ['queue'],
  'deliveries-fail': ['webhooks', 'relay', 'egress.dns', 'egress.proxy', 'egress.allow'],
  'record-unsealed': ['record', 'audit.seal', 'audit.head'],
  'root-key-away': ['key.root'],
  'certificate-ends': ['certificate', 'http.tls'],
  'security-txt-ends': ['security_txt'],
  'policies-refused': ['policy.active'],
  'disk-full': ['disk', 'files'],
  'start-refused': [
    ...['settings', 'url.public', 'http.bind', 'http.cors', 'http.hosts', 'http.proxies', 'definitions_tampered', 'process'],
    'proxy.paths',
  ],
  'proxy-silent': ['proxy'],
}
const BY_NAME = new Map(Object.entries(PAGES).flatMap(([page, names]) => names.map((name) => [name, page] as const)))

/** Null: nothing has to be done by hand. */
export function runbookOf(name: string): string | null {
  const page = BY_NAME.get(name)
  return page === undefined ? null : `docs/runbooks/${page}.md`
}

export const RUNBOOK_NAMES: readonly string[] = [...BY_NAME.keys()]
