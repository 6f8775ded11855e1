// Every address of the dashboard, built in one place.
export const paths = {
  setup: () => '/setup',
  signIn: (to?: string) => (to ? `/login?to=${encodeURIComponent(to)}` : '/login'),
  invite: () => '/invite',
  inbox: (view?: string) => (view ? `/inbox?view=${view}` : '/inbox'),
  /** `open`: with the bar of this act open, or the focus in the form. */
  task: (id: string, open?: 'accept' | 'edit' | 'respond' | 'deny') =>
    `/tasks/${encodeURIComponent(id)}${open ? `?open=${open}` : ''}`,
  taskRecord: (id: string) => `/tasks/${encodeURIComponent(id)}/record`,
  analytics: () => '/analytics',
  agents: () => '/agents',
  people: () => '/people',
  connections: () => '/connections',
  /** With the question which one open, and this one named. */
  connect: (provider: string) => `/connections?new=1&provider=${encodeURIComponent(provider)}`,
  connection: (id: string) => `/connections/${encodeURIComponent(id)}`,
  providers: () => '/providers',
  provider: (name: string) => `/providers/${encodeURIComponent(name)}`,
  /** `name`: a change of that one. */
  newProvider: (name?: string) => (name === undefined ? '/define' : `/define/${encodeURIComponent(name)}`),
  grants: () => '/grants',
  grant: (id: string) => `/grants/${encodeURIComponent(id)}`,
  /** What is known beforehand stands in its fields. */
  newGrant: (known: Readonly<Record<string, string | null>> = {}) => {
    const given = Object.entries(known).filter((one): one is [string, string] => one[1] !== null)
    return given.length === 0 ? '/grants/new' : `/grants/new?${new URLSearchParams(given)}`
  },
  traffic: () => '/traffic',
  trafficRequest: (id: string) => `/traffic/${encodeURIComponent(id)}`,
  draft: (runId: string) => `/traffic/runs/${encodeURIComponent(runId)}`,
  vault: () => '/vault',
  routing: () => '/routing',
  routingPeople: () => '/routing/people',
  tenants: () => '/tenants',
  tenant: () => '/settings',
  taskSettings: () => '/settings/tasks',
  channels: () => '/channels',
  channelEndpoints: () => '/channels/endpoints',
  slackLink: () => '/slack-link',
  cli: () => '/cli',
  slack: () => '/channels/slack',
  mail: () => '/channels/mail',
  embeds: () => '/channels/embeds',
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
  verifiers: () => '/verifiers',
  forms: () => '/forms',
  webhooks: () => '/webhooks',
  webhook: (id: string) => `/webhooks/${encodeURIComponent(id)}`,
  delivery: (id: string) => `/deliveries/${encodeURIComponent(id)}`,
  installation: () => '/installation',
  keyring: () => '/keyring',
  dev: () => '/dev',
  audit: (query?: string) => (query ? `/audit?${query}` : '/audit'),
  auditEvent: (id: string) => `/audit/${encodeURIComponent(id)}`,
}

/** P39: where sign-in leads back to. `//x`, `/\x` and anything that is not a plain path of this site lead to the inbox. */
export const safeReturn = (to: string | null): string =>
  to && /^\/(?![/\\])[\w\-/?=&.%]*$/.test(to) && !/%(2f|5c|0|1)/i.test(to) ? to : paths.inbox()
