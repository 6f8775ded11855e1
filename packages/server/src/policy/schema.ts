// The typed schema that every policy is held against (P64): the actions of the matrix, and what the rooms add to it. Knows no row; the actions are handed in.
// A room's contribution is Cedar text of its own: types, and actions with the context that its judged acts carry. It replaces the plain form of its actions.
import { schemaFault } from './engine.ts'

export type Contribution = {
  /** Entity types and common types. */
  types: string
  /** `proxy.request` → what stands behind `appliesTo`. */
  actions: Readonly<Record<string, string>>
  /** Entity types, common types included, that this text declares: the plain form leaves them out. */
  declares: readonly string[]
}

/** Who may do an action by the matrix, in any reach: the names of groups, such as `role.owner`. */
export type MatrixActions = Readonly<Record<string, readonly string[]>>

export type Schema = {
  readonly text: string
  /** Every action that a policy may name. */
  readonly actions: readonly string[]
  /** The groups that an action is in. */
  groupsOf(action: string): readonly string[]
}

/** The type of what an action of this area acts on; what concerns the whole tenant acts on the tenant. */
const RESOURCES: Readonly<Record<string, string>> = {
  user: 'User',
  role: 'User',
  session: 'Session',
  agent: 'Agent',
  key: 'Key',
  policy: 'Policy',
  task: 'Task',
  job: 'Job',
  callback: 'Job',
  dead_letter: 'Job',
  queue: 'Queue',
  schedule: 'Schedule',
  provider: 'Provider',
  connection: 'Connection',
  grant: 'Grant',
  card: 'Card',
  connection_request: 'ConnectionRequest',
  relay_grant: 'RelayGrant',
  thread: 'Thread',
  endpoint: 'Endpoint',
  delivery: 'Delivery',
}

export const resourceTypeOf = (action: string): string => RESOURCES[action.split('.')[0] as string] ?? 'Tenant'

// Circumstances are the same for every act: the time, and the address where one is known. They are no part of what a person agrees to.
const GROUND = `entity Tenant;
// role is one of owner, admin, operator, member, reviewer, auditor, viewer; host too, for who runs the installation.
entity Role;
entity User in [Tenant, Role];
entity Agent in [Tenant] { handle: String, environment: String, labels: Set<String>, owner?: User };
entity Key in [Tenant] { kind: String };
// Somebody who is no user here and answers the one task that they were asked: by mail, in a chat, in a page.
entity Guest in [Tenant];
type Now = { at: datetime, hour_utc: Long, weekday: Long };
type Circumstances = { ip?: ipaddr, now: Now };`
const GROUND_TYPES = ['Tenant', 'Role', 'User', 'Agent', 'Key', 'Guest']
const PLAIN = (resource: string) => `{ principal: [User, Agent, Key], resource: [${resource}], context: Circumstances }`

const quoted = (text: string): string => `"${text}"`

export function openSchema(matrix: MatrixActions, contributions: readonly Contribution[] = []): Schema {
  const special = new Map(contributions.flatMap(({ actions }) => Object.entries(actions)))
  const actions = [...new Set([...Object.keys(matrix), ...special.keys()])].sort()
  const declared = new Set([...GROUND_TYPES, ...contributions.flatMap(({ declares }) => declares)])
  const plain = [...new Set([...actions.map(resourceTypeOf), ...Object.values(RESOURCES)])].filter((type) => !declared.has(type))
  const groupsOf = (action: string): readonly string[] => matrix[action] ?? []
  const groups = [...new Set(Object.values(matrix).flat())].sort()
  const text = [
    GROUND,
    ...plain.sort().map((type) => `entity ${type} in [Tenant];`),
    ...contributions.map(({ types }) => types.trim()),
    ...groups.map((name) => `action ${quoted(name)};`),
    ...actions.map((action) => {
      const within = groupsOf(action).length > 0 ? ` in [${groupsOf(action).map(quoted).join(', ')}]` : ''
      return `action ${quoted(action)}${within} appliesTo ${special.get(action) ?? PLAIN(resourceTypeOf(action))};`
    }),
  ].join('\n')
  return { text, actions, groupsOf }
}

/** What does not hold together in a schema; null when it does. Ours is the same for every process of a build: a test asks, and no start pays half a second. */
export const faultIn = ({ text }: Schema): string | null => schemaFault(text)
