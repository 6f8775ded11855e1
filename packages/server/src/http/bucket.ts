// The table of limits (P71, P73) as data. Counts nothing itself: limit.ts does, in PostgreSQL.
export type Window = { kind: 'window'; limit: number; per: number }
export type Gcra = { kind: 'gcra'; limit: number; per: number; burst: number }
export type BackOff = { kind: 'backoff'; from: number; wait: number; most: number }
export type Concurrency = { kind: 'concurrency'; limit: number }
export type Bucket = (Window | Gcra | BackOff | Concurrency) & { by: string; signIn?: true }

const minute = 60
const hour = 3_600
const day = 86_400

/** `per`, `wait` and `most` are seconds. `signIn` rows guard passwords and links: a setting may tighten them, never loosen them. */
export const BUCKETS = {
  'login.address': { kind: 'window', limit: 10, per: 5 * minute, by: 'address', signIn: true },
  'login.account': { kind: 'window', limit: 20, per: 5 * minute, by: 'HMAC of the login name, known or not', signIn: true },
  'login.pair': { kind: 'backoff', from: 10, wait: 30, most: 900, by: 'HMAC of login name and address', signIn: true },
  'setup.address': { kind: 'window', limit: 30, per: 5 * minute, by: 'address', signIn: true },
  'factor.user': { kind: 'window', limit: 20, per: hour, by: 'user', signIn: true },
  'factor.challenge': { kind: 'window', limit: 5, per: hour, by: 'challenge', signIn: true },
  'recover.address': { kind: 'window', limit: 10, per: 5 * minute, by: 'address', signIn: true },
  'recover.account': { kind: 'window', limit: 3, per: hour, by: 'HMAC of the login name', signIn: true },
  'verify.user': { kind: 'window', limit: 3, per: hour, by: 'user', signIn: true },
  'invite.tenant': { kind: 'window', limit: 100, per: day, by: 'tenant' },
  'signup.address': { kind: 'window', limit: 5, per: hour, by: 'address', signIn: true },
  // Programs that tell their public key; whoever calls again with the same key is counted again.
  'register.address': { kind: 'window', limit: 20, per: 5 * minute, by: 'address', signIn: true },
  // Commands that ask to be signed in, those that come back for the answer every few seconds, and people who type in a code.
  'cli.ask': { kind: 'window', limit: 20, per: 5 * minute, by: 'address', signIn: true },
  'cli.fetch': { kind: 'gcra', limit: 240, per: minute, burst: 60, by: 'address', signIn: true },
  'cli.code': { kind: 'window', limit: 20, per: 5 * minute, by: 'user', signIn: true },
  anonymous: { kind: 'gcra', limit: 60, per: minute, burst: 60, by: 'address' },
  'key.bad': { kind: 'window', limit: 30, per: minute, by: 'address', signIn: true },
  'api.key': { kind: 'gcra', limit: 600, per: minute, burst: 120, by: 'key' },
  'api.user': { kind: 'gcra', limit: 600, per: minute, burst: 120, by: 'user' },
  'api.tenant': { kind: 'gcra', limit: 6_000, per: minute, burst: 1_200, by: 'tenant' },
  stream: { kind: 'concurrency', limit: 20, by: 'principal' },
  // In blocks of 50, so that 5,000 waits of one principal are 100 leases (tasks.md T31; tasks/wait-slots.ts).
  'task.wait': { kind: 'concurrency', limit: 100, by: 'principal, in blocks of 50 waits' },
  // Links of mails and messages: pages of people behind one address share the first.
  'link.address': { kind: 'gcra', limit: 300, per: minute, burst: 120, by: 'address' },
  'link.token': { kind: 'gcra', limit: 60, per: minute, burst: 30, by: 'token' },
  'mail.inbound': { kind: 'gcra', limit: 600, per: minute, burst: 200, by: 'address' },
  'mail.test': { kind: 'gcra', limit: 10, per: minute, burst: 5, by: 'principal' },
  'endpoint.test': { kind: 'gcra', limit: 10, per: minute, burst: 5, by: 'endpoint' },
  // Values held against stored ones: enough for every variable of a machine, and for no search.
  'vault.compare': { kind: 'gcra', limit: 400, per: hour, burst: 400, by: 'principal' },
  // Of the relay. The first two count one thing over two times; what a relay grant has, its owner sets on the grant too.
  'relay.request': { kind: 'window', limit: 10, per: hour, by: 'asker' },
  'relay.request.day': { kind: 'window', limit: 30, per: day, by: 'asker' },
  'relay.start': { kind: 'gcra', limit: 120, per: minute, burst: 60, by: 'relay grant' },
  'relay.send': { kind: 'gcra', limit: 600, per: minute, burst: 200, by: 'relay grant' },
  'relay.token': { kind: 'gcra', limit: 60, per: minute, burst: 20, by: 'principal' },
  'relay.serve': { kind: 'gcra', limit: 1_200, per: minute, burst: 300, by: 'agent' },
  'relay.wait': { kind: 'concurrency', limit: 1_000, by: 'principal, in blocks of 50 waits' },
  'policy.dry_run': { kind: 'gcra', limit: 10, per: minute, burst: 5, by: 'tenant' },
  callback: { kind: 'gcra', limit: 600, per: minute, burst: 200, by: 'address' },
  scim: { kind: 'gcra', limit: 1_200, per: minute, burst: 200, by: 'directory' },
  export: { kind: 'window', limit: 10, per: day, by: 'tenant' },
  erasure: { kind: 'window', limit: 5, per: day, by: 'tenant' },
} as const satisfies Record<string, Bucket>

export type BucketName = keyof typeof BUCKETS
export type Buckets = Record<BucketName, Bucket>

/** The buckets of a name, not of an id or an address: what is stored is its HMAC, so that the table tells nobody who signs in. */
export const NAMED: readonly BucketName[] = ['login.account', 'login.pair', 'recover.account']
