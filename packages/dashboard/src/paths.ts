// Every address of the dashboard, built in one place.
export const paths = {
  setup: () => '/setup',
  signIn: (to?: string) => (to ? `/login?to=${encodeURIComponent(to)}` : '/login'),
  invite: () => '/invite',
  inbox: (view?: string) => (view ? `/inbox?view=${view}` : '/inbox'),
  task: (id: string) => `/tasks/${encodeURIComponent(id)}`,
  agents: () => '/agents',
  people: () => '/people',
  tenants: () => '/tenants',
  tenant: () => '/settings',
  profile: () => '/profile',
  policies: () => '/policies',
  policyEditor: (from?: number) => (from === undefined ? '/policies/editor' : `/policies/editor?from=${from}`),
  policyVersions: () => '/policies/versions',
  policyVersion: (version: number) => `/policies/versions/${version}`,
  policySimulator: () => '/policies/simulator',
  queue: () => '/queue',
  jobs: (search?: string) => (search ? `/jobs?search=${encodeURIComponent(search)}` : '/jobs'),
  job: (id: string) => `/jobs/${encodeURIComponent(id)}`,
  queues: () => '/queues',
  queueOf: (name: string) => `/queues/${encodeURIComponent(name)}`,
  kinds: () => '/kinds',
  schedules: () => '/schedules',
  deadLetters: () => '/dead-letters',
  callbacks: () => '/callbacks',
  engine: () => '/engine',
  webhooks: () => '/webhooks',
  webhook: (id: string) => `/webhooks/${encodeURIComponent(id)}`,
  delivery: (id: string) => `/deliveries/${encodeURIComponent(id)}`,
  installation: () => '/installation',
  keyring: () => '/keyring',
  audit: (query?: string) => (query ? `/audit?${query}` : '/audit'),
  auditEvent: (id: string) => `/audit/${encodeURIComponent(id)}`,
}

/** P39: where sign-in leads back to. `//x`, `/\x` and anything that is not a plain path of this site lead to the inbox. */
export const safeReturn = (to: string | null): string =>
  to && /^\/(?![/\\])[\w\-/?=&.%]*$/.test(to) && !/%(2f|5c|0|1)/i.test(to) ? to : paths.inbox()
