// The grammar of `notify` (T100): `channel[+identity]:target`, one line each. Pure: whether an identity, an endpoint or a member of a workspace exists is asked
// of the channel later, of rows.
import { type FieldError, Problem } from '@countersign/sdk'
import { nearest } from '../../http/nearest.ts'
import { foldEmail } from '../../identity/email.ts'
import { isId } from '../../std/id.ts'
import { type Assignment, NOBODY_NAMED } from '../routing/form.ts'

export const CHANNELS = ['email', 'slack', 'webhook', 'push'] as const
export type NoticeChannel = (typeof CHANNELS)[number]

export type Entry = {
  channel: NoticeChannel
  identity: string | null
  /** As it was written; what it is compared by stands in `folded`. */
  target: string
  /** person: one human; place: where several read. */
  names: 'person' | 'place'
  /** Of a mail address. */
  folded: string | null
}

const MOST = 20
const LONGEST = 450
const IDENTITY = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,99})$/
const SLACK_PLACE = /^(?:#[^\s#@:,\p{C}]{1,80}|[CG][A-Z0-9]{2,20})$/u
const SLACK_PERSON = /^(?:@[^\s#@:,\p{C}]{1,80}|[UW][A-Z0-9]{2,20})$/u
const ENDPOINT = /^[A-Za-z0-9](?:[A-Za-z0-9 _.-]{0,98}[A-Za-z0-9])?$/

/** 422 `notify_invalid` with every entry that does not read, each at its place. */
export function readNotify(given: readonly unknown[], path = '/notify'): Entry[] {
  const read = given.map((text, i) => readEntry(text, `${path}/${i}`))
  const faults = read.flatMap((one) => ('fault' in one ? [one] : []))
  const [first] = faults
  if (given.length === 0 || given.length > MOST) throw countOff(path)
  if (first) {
    const meant = faults.length === 1 ? first.meant : undefined
    const errors = faults.map(({ fault }) => fault)
    throw new Problem('notify_invalid', meant ? { errors, did_you_mean: meant } : { errors })
  }
  const entries = read as Entry[]
  const seen = new Set<string>()
  return entries.filter(({ channel, identity, target, folded }) => {
    const name = `${channel} ${identity} ${folded ?? target}`
    return seen.size < seen.add(name).size
  })
}

const countOff = (path: string): Problem =>
  new Problem('notify_invalid', { errors: [{ path, code: 'count', message: `notify has 1 to ${MOST} entries.` }] })

type Fault = { fault: FieldError; meant?: string }

function readEntry(text: unknown, path: string): Entry | Fault {
  const fault = (code: string, message: string, meant?: string): Fault => ({ fault: { path, code, message }, meant })
  if (typeof text !== 'string' || text.length > LONGEST || /\p{C}/u.test(text))
    return fault('notify_form', 'An entry is one line such as email:ann@example.com or slack:#finance.')
  const [, channel, identity = null, target] = /^([^:+]*)(?:\+([^:]*))?:(.*)$/s.exec(text) ?? []
  if (channel === undefined || target === undefined)
    return fault('notify_form', 'An entry is channel:target, such as email:ann@example.com.', guess(text))
  if (!isChannel(channel)) {
    const near = nearest(channel, CHANNELS)
    const known = `Channels are ${CHANNELS.join(', ')}.`
    return fault('channel_unknown', known, near === null ? undefined : `${near}:${target}`)
  }
  if (identity !== null && !IDENTITY.test(identity)) return fault('identity_unknown', 'There is no such identity.')
  return readTarget({ channel, identity, target }, fault)
}

const isChannel = (text: string): text is NoticeChannel => (CHANNELS as readonly string[]).includes(text)

/** An address or a place of Slack alone says what was meant. */
function guess(text: string): string | undefined {
  if (foldEmail(text) !== null) return `email:${text}`
  if (SLACK_PLACE.test(text) || SLACK_PERSON.test(text)) return `slack:${text}`
  return undefined
}

function readTarget(
  given: { channel: NoticeChannel; identity: string | null; target: string },
  fault: (code: string, message: string) => Fault,
): Entry | Fault {
  const { channel, target } = given
  const folded = foldEmail(target)
  const entry = (names: Entry['names']): Entry => ({ ...given, names, folded })
  if (channel === 'email') return folded === null ? fault('target_invalid', 'This is not a mail address.') : entry('person')
  if (channel === 'slack') {
    if (folded !== null || SLACK_PERSON.test(target)) return entry('person')
    if (SLACK_PLACE.test(target)) return entry('place')
    return fault('target_invalid', 'A target of Slack is #channel, @handle, an id (C…, G…, U…, W…) or a mail address.')
  }
  if (channel === 'webhook') {
    if (isId('whe', target) || ENDPOINT.test(target)) return entry('place')
    return fault('target_invalid', 'A target of webhook is the name or the id of an endpoint.')
  }
  if (isId('usr', target) || folded !== null) return entry('person')
  return fault('target_invalid', 'A target of push is a user: their id or mail address.')
}

/** An entry as one line again. */
export const spokenEntry = ({ channel, identity, target }: Entry): string =>
  `${channel}${identity === null ? '' : `+${identity}`}:${target}`

/** The name under which those whom an entry reaches may answer. */
export const keyOf = ({ channel, target, folded }: Entry): string =>
  folded ?? (channel === 'push' ? target : `${channel}:${target}`)

/** Without `assign_to` the people who are told are the people who are asked (T101): one person holds it, of several the first to claim. */
export function assignmentOf(entries: readonly Entry[]): { assignment: Assignment; reached: string[] } {
  const [only] = entries
  const keys = [...new Set(entries.map(keyOf))]
  if (entries.length === 1 && only?.names === 'person' && only.folded !== null)
    return { assignment: { form: { email: only.target }, folded: [only.folded] }, reached: keys }
  if (entries.length === 1 && only?.channel === 'push')
    return { assignment: { form: { user_id: only.target }, folded: [] }, reached: keys }
  return { assignment: NOBODY_NAMED, reached: keys }
}
