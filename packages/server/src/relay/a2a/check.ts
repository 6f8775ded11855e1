// R107: the params of every method, looked at as they came and before a codec reads them, for a codec makes something of anything. All that is wrong is said at once,
// each with its place; members that nobody knows are passed over.

import { Malformed, type Violation } from './errors.ts'
import { RELAY_EXTENSION } from './extension.ts'
import { isTaskState } from './map.ts'
import { base64Of, contentsOf, isObject, member, type WireObject } from './parts.ts'

export const METHODS = [
  'SendMessage',
  'SendStreamingMessage',
  'GetTask',
  'ListTasks',
  'CancelTask',
  'SubscribeToTask',
  'CreateTaskPushNotificationConfig',
  'GetTaskPushNotificationConfig',
  'ListTaskPushNotificationConfigs',
  'DeleteTaskPushNotificationConfig',
  'GetExtendedAgentCard',
] as const
export type Method = (typeof METHODS)[number]
export const isMethod = (name: unknown): name is Method => (METHODS as readonly unknown[]).includes(name)

/** R37. */
const MOST_PARTS = 32
const MOST_BYTES = 524_288
const MOST_METADATA = 16_384
const MOST_DEPTH = 32
const MOST_URL = 2_048

/** What is wrong so far, and the words for it. */
type Look = { found: Violation[] }
const wrong = (look: Look, field: string, description: string): void => void look.found.push({ field, description })

const CHECKS: Record<Method, (look: Look, params: WireObject) => void> = {
  SendMessage: checkSend,
  SendStreamingMessage: checkSend,
  GetTask: (look, params) => {
    checkId(look, params, 'id')
    checkCount(look, params, 'historyLength', 0, 2_147_483_647)
  },
  ListTasks: checkList,
  CancelTask: (look, params) => {
    checkId(look, params, 'id')
    checkMetadata(look, params.metadata, 'metadata')
  },
  SubscribeToTask: (look, params) => checkId(look, params, 'id'),
  CreateTaskPushNotificationConfig: (look, params) => {
    checkId(look, params, 'taskId')
    checkConfig(look, params, '')
  },
  GetTaskPushNotificationConfig: checkConfigPlace,
  DeleteTaskPushNotificationConfig: checkConfigPlace,
  ListTaskPushNotificationConfigs: (look, params) => {
    checkId(look, params, 'taskId')
    checkCount(look, params, 'pageSize', 0, 100)
    checkText(look, params, 'pageToken')
  },
  GetExtendedAgentCard: () => undefined,
}

/** Throws -32602 with every violation; `slug` is the one value that `tenant` may have. */
export function checkParams(method: Method, params: unknown, slug: string): asserts params is WireObject {
  if (!isObject(params))
    throw new Malformed('INVALID_PARAMS', 'The params must be an object.', [
      { field: 'params', description: 'Must be an object.' },
    ])
  const look: Look = { found: [] }
  const { tenant } = params
  if (tenant !== undefined && tenant !== null && tenant !== '' && tenant !== slug)
    wrong(look, 'tenant', 'Must be left out, or be the name of this agent.')
  CHECKS[method](look, params)
  const [first] = look.found
  if (first) throw new Malformed('INVALID_PARAMS', `${first.field}: ${first.description}`, look.found)
}

function checkSend(look: Look, params: WireObject): void {
  const { message, configuration } = params
  if (!isObject(message)) wrong(look, 'message', 'Is required and must be an object.')
  else checkMessage(look, message)
  if (configuration !== undefined && configuration !== null) {
    if (isObject(configuration)) checkConfiguration(look, configuration)
    else wrong(look, 'configuration', 'Must be an object.')
  }
  checkMetadata(look, params.metadata, 'metadata')
}

function checkMessage(look: Look, message: WireObject): void {
  refuseKind(look, message, 'message')
  const id = member(message, 'messageId')
  if (typeof id !== 'string' || id === '' || id.length > 255)
    wrong(look, 'message.messageId', 'Is required: a text of 1 to 255 characters.')
  if (message.role !== 'ROLE_USER') wrong(look, 'message.role', 'Must be ROLE_USER.')
  checkText(look, message, 'taskId', 'message.')
  const context = member(message, 'contextId')
  if (context !== undefined && !(typeof context === 'string' && /^[\x21-\x7e]{0,128}$/.test(context)))
    wrong(look, 'message.contextId', 'Must be 1 to 128 visible ASCII characters.')
  checkTexts(look, message, 'referenceTaskIds', 'message.')
  checkTexts(look, message, 'extensions', 'message.')
  checkMetadata(look, message.metadata, 'message.metadata')
  const { parts } = message
  if (!Array.isArray(parts) || parts.length === 0) wrong(look, 'message.parts', 'At least one part is required.')
  else if (parts.length > MOST_PARTS) wrong(look, 'message.parts', `At most ${MOST_PARTS} parts are taken.`)
  else for (const [i, part] of parts.entries()) checkPart(look, part, `message.parts[${i}]`)
}

function checkPart(look: Look, part: unknown, field: string): void {
  if (!isObject(part)) {
    wrong(look, field, 'Must be an object.')
    return
  }
  refuseKind(look, part, field)
  const contents = contentsOf(part)
  if (contents.length !== 1) wrong(look, field, 'Must hold exactly one of text, data, raw and url.')
  else checkContent(look, part, contents[0] as string, field)
  for (const name of ['mediaType', 'filename']) {
    const value = member(part, name)
    if (value !== undefined && !(typeof value === 'string' && value.length <= 255))
      wrong(look, `${field}.${name}`, 'Must be a text of at most 255 characters.')
  }
  checkMetadata(look, part.metadata, `${field}.metadata`)
}

function checkContent(look: Look, part: WireObject, content: string, field: string): void {
  const value = part[content]
  const at = `${field}.${content}`
  if (content === 'data') {
    if (depthOf(value) > MOST_DEPTH) wrong(look, at, `May be nested ${MOST_DEPTH} levels deep.`)
  } else if (typeof value !== 'string') wrong(look, at, 'Must be a text.')
  else if (content === 'text') {
    if (Buffer.byteLength(value) > MOST_BYTES) wrong(look, at, `May have ${MOST_BYTES} bytes.`)
  } else if (content === 'raw') {
    const bytes = base64Of(value)
    if (bytes === null) wrong(look, at, 'Must be base64.')
    else if (bytes.length > MOST_BYTES) wrong(look, at, `May have ${MOST_BYTES} bytes once decoded.`)
  } else if (!isHttps(value)) wrong(look, at, `Must be an https URL of at most ${MOST_URL} characters.`)
}

/** Only its form: nobody here ever opens it. */
const isHttps = (url: string): boolean =>
  url.length <= MOST_URL && /^https:\/\/[^\s/?#\\]+[^\s\\]*$/i.test(url) && URL.canParse(url)

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inner = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []
  return 1 + inner.reduce<number>((most, one) => Math.max(most, depthOf(one)), 0)
}

/** Messages and parts of 0.x were told apart by `kind`: whoever sends it speaks another version than the header says. */
const refuseKind = (look: Look, object: WireObject, field: string): void => {
  if (object.kind !== undefined) wrong(look, `${field}.kind`, 'Is of an older A2A; 1.0 has no such member.')
}

function checkConfiguration(look: Look, configuration: WireObject): void {
  checkTexts(look, configuration, 'acceptedOutputModes', 'configuration.')
  checkCount(look, configuration, 'historyLength', 0, 2_147_483_647, 'configuration.')
  checkFlag(look, configuration, 'returnImmediately', 'configuration.')
  const config = member(configuration, 'taskPushNotificationConfig')
  if (config === undefined) return
  if (isObject(config)) checkConfig(look, config, 'configuration.taskPushNotificationConfig.')
  else wrong(look, 'configuration.taskPushNotificationConfig', 'Must be an object.')
}

function checkList(look: Look, params: WireObject): void {
  checkText(look, params, 'contextId')
  checkText(look, params, 'pageToken')
  checkCount(look, params, 'pageSize', 1, 100)
  checkCount(look, params, 'historyLength', 0, 2_147_483_647)
  checkFlag(look, params, 'includeArtifacts')
  const { status } = params
  if (status !== undefined && status !== null && status !== 'TASK_STATE_UNSPECIFIED' && !isTaskState(status))
    wrong(look, 'status', 'Must be the name of a state, such as TASK_STATE_WORKING.')
  const after = member(params, 'statusTimestampAfter')
  if (after !== undefined && !isTime(after))
    wrong(look, 'statusTimestampAfter', 'Must be a time in UTC, such as 2026-01-31T12:00:00.000Z.')
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/
const isTime = (value: unknown): boolean => {
  if (typeof value !== 'string' || !TIME.test(value)) return false
  const read = new Date(value)
  // A day that does not exist rolls over into another month.
  return !Number.isNaN(read.getTime()) && read.toISOString().slice(0, 10) === value.slice(0, 10)
}

function checkConfigPlace(look: Look, params: WireObject): void {
  checkId(look, params, 'taskId')
  checkId(look, params, 'id')
}

function checkConfig(look: Look, config: WireObject, prefix: string): void {
  checkText(look, config, 'id', prefix, 128)
  checkText(look, config, 'token', prefix, 4_096)
  const { url, authentication } = config
  if (typeof url !== 'string' || url === '' || url.length > MOST_URL)
    wrong(look, `${prefix}url`, `Is required: a URL of at most ${MOST_URL} characters.`)
  if (authentication === undefined || authentication === null) return
  if (!isObject(authentication)) {
    wrong(look, `${prefix}authentication`, 'Must be an object.')
    return
  }
  const { scheme, credentials } = authentication
  if (typeof scheme !== 'string' || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(scheme))
    wrong(look, `${prefix}authentication.scheme`, 'Is required: the name of a scheme, such as Bearer.')
  if (
    credentials !== undefined &&
    credentials !== null &&
    !(typeof credentials === 'string' && /^[\x20-\x7e]{0,4096}$/.test(credentials))
  )
    wrong(look, `${prefix}authentication.credentials`, 'Must be at most 4096 visible ASCII characters.')
}

function checkId(look: Look, params: WireObject, name: string): void {
  const value = member(params, name)
  if (typeof value !== 'string' || value === '') wrong(look, name, 'Is required and must be a text.')
}

function checkText(look: Look, object: WireObject, name: string, prefix = '', most = 4_096): void {
  const value = member(object, name)
  if (value !== undefined && !(typeof value === 'string' && value.length <= most))
    wrong(look, `${prefix}${name}`, `Must be a text of at most ${most} characters.`)
}

function checkTexts(look: Look, object: WireObject, name: string, prefix: string): void {
  const value = member(object, name)
  if (value === undefined) return
  if (!Array.isArray(value) || value.length > 100 || value.some((one) => typeof one !== 'string' || one.length > 2_048))
    wrong(look, `${prefix}${name}`, 'Must be a list of at most 100 texts.')
}

function checkCount(look: Look, object: WireObject, name: string, least: number, most: number, prefix = ''): void {
  const value = member(object, name)
  if (value === undefined) return
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    wrong(look, `${prefix}${name}`, `Must be an integer between ${least} and ${most}.`)
}

function checkFlag(look: Look, object: WireObject, name: string, prefix = ''): void {
  const value = member(object, name)
  if (value !== undefined && typeof value !== 'boolean') wrong(look, `${prefix}${name}`, 'Must be true or false.')
}

function checkMetadata(look: Look, metadata: unknown, field: string): void {
  if (metadata === undefined || metadata === null) return
  if (!isObject(metadata)) {
    wrong(look, field, 'Must be an object.')
    return
  }
  if (Buffer.byteLength(JSON.stringify(metadata)) > MOST_METADATA) wrong(look, field, `May have ${MOST_METADATA} bytes.`)
  const ours = metadata[RELAY_EXTENSION]
  if (ours !== undefined) checkOurs(look, ours, `${field}["${RELAY_EXTENSION}"]`)
}

const OURS: Record<string, RegExp> = {
  idempotency_key: /^[\x21-\x7e]{1,255}$/,
  operation_id: /^.{1,128}$/su,
  skill: /^.{1,128}$/su,
}

/** R88: what a caller may say under our key. */
function checkOurs(look: Look, ours: unknown, field: string): void {
  if (!isObject(ours)) {
    wrong(look, field, 'Must be an object.')
    return
  }
  for (const [name, pattern] of Object.entries(OURS)) {
    const value = ours[name]
    if (value !== undefined && !(typeof value === 'string' && pattern.test(value)))
      wrong(look, `${field}.${name}`, 'Is not acceptable.')
  }
}

/** The members of a query as the params that JSON would hold: numbers and flags by their form, so that the same checks judge both bindings. */
export function paramsOfQuery(query: string): WireObject {
  const look: Look = { found: [] }
  const params: WireObject = {}
  const sent = new URLSearchParams(query)
  for (const name of new Set(sent.keys())) {
    const values = sent.getAll(name)
    if (values.length > 1) wrong(look, name, 'May stand only once.')
    else if (name !== '__proto__') params[name] = readMember(name, values[0] as string)
  }
  if (look.found.length > 0) throw new Malformed('INVALID_PARAMS', 'A member of the query stands twice.', look.found)
  return params
}

const NUMBERS = ['historyLength', 'history_length', 'pageSize', 'page_size']
const FLAGS = ['includeArtifacts', 'include_artifacts']

function readMember(name: string, value: string): unknown {
  if (NUMBERS.includes(name)) return /^-?\d{1,15}$/.test(value) ? Number(value) : value
  if (FLAGS.includes(name)) return value === 'true' ? true : value === 'false' ? false : value
  return value
}
