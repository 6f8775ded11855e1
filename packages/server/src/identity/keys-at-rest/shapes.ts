// What goes over the wire about the key ring. Checks form only; no shape has room for a key.
import { s } from '../../http/route.ts'

const State = s.oneOf('accepted', 'current', 'retired', 'destroyed')

export const RootKey = s.named(
  'RootKey',
  s.object({
    version: s.int(),
    fingerprint: s.text(),
    source: s.text(),
    state: State,
    created_at: s.time(),
    promoted_at: s.maybe(s.time()),
    replaced_at: s.maybe(s.time()),
    retired_at: s.maybe(s.time()),
    destroy_at: s.maybe(s.time()).describe('When it will be destroyed; until then it can be kept.'),
    destroyed_at: s.maybe(s.time()),
    wraps: s.int().describe('Keys that are wrapped under it.'),
    passwords: s.int().describe('Passwords whose pepper comes from it.'),
    missing_in: s.int().describe('Live processes that do not hold it.'),
    age_days: s.int(),
  }),
  'A version of the root key. accepted: it opens and does not seal. current: it seals. retired: nothing names it. destroyed: it is gone.',
)

export const Rewrap = s.named(
  'Rewrap',
  s.object({
    id: s.id('rwp'),
    state: s.oneOf('waiting', 'running', 'finished'),
    phase: s.oneOf('waiting', 'counting', 'renewing', 'switching', 'rewrapping', 'finished'),
    tenant_id: s.maybe(s.id('ten')),
    renew: s.boolean().describe('Whether tenants get a new version of their keys.'),
    reseal: s.boolean().describe('Whether data keys and nonces are replaced too.'),
    created_at: s.time(),
    created_by: s.text(),
    started_at: s.maybe(s.time()),
    finished_at: s.maybe(s.time()),
    total: s.int(),
    done: s.int(),
    failed: s.int().describe('Envelopes that could not be rewrapped; the log names them.'),
    rate: s.maybe(s.int()).describe('Wraps a second.'),
    items: s.array(s.object({ item: s.text(), version: s.int(), total: s.int(), done: s.int() })),
  }),
  'One pass over wraps, with what it did by table and version.',
)

export const KeyringShape = s.named(
  'Keyring',
  s.object({
    source: s.text(),
    sources: s.array(s.object({ name: s.text(), answers: s.boolean() })),
    skipped: s.array(s.object({ source: s.text(), reason: s.text() })),
    versions: s.array(RootKey),
    processes: s.array(s.object({ id: s.text(), roles: s.array(s.text()), versions: s.array(s.int()), since: s.time() })),
    tenant_keys: s.object({ tenants: s.int(), versions: s.int(), retired: s.int() }),
    ages: s.array(s.object({ what: s.text(), oldest_at: s.time(), days: s.int(), warn: s.boolean() })),
    warnings: s.array(s.text()),
    rewraps: s.array(Rewrap),
  }),
)

export const AddedRootKey = s.named('AddedRootKey', s.object({ version: s.int(), fingerprint: s.text(), source: s.text() }))
