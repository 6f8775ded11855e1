// What Slack's Web API documents of the calls that we make, as schemas: https://docs.slack.dev. Whoever plays Slack on this machine, in development or in a test, holds every
// call against them, so that what passes here passes there. Knows no state and no product.
import * as z from 'zod'

const plainText = (max: number) =>
  z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(max), emoji: z.boolean().optional() })
const mrkdwn = (max: number) =>
  z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(max), verbatim: z.boolean().optional() })
const text = (max: number) => z.union([plainText(max), mrkdwn(max)])
const actionId = z.string().min(1).max(255)
const blockId = z.string().min(1).max(255).optional()
const option = z.strictObject({ text: text(75), value: z.string().min(1).max(150), description: plainText(75).optional() })
const confirm = z.strictObject({
  title: plainText(100),
  text: text(300),
  confirm: plainText(30),
  deny: plainText(30),
  style: z.enum(['primary', 'danger']).optional(),
})
const button = z.strictObject({
  type: z.literal('button'),
  action_id: actionId,
  text: plainText(75),
  value: z.string().max(2_000).optional(),
  url: z.url().max(3_000).optional(),
  style: z.enum(['primary', 'danger']).optional(),
  confirm: confirm.optional(),
})
const placeholder = plainText(150).optional()
const one = { action_id: actionId, initial_option: option.optional() }
const many = { action_id: actionId, initial_options: z.array(option).min(1).optional() }
const options = (max: number) => z.array(option).min(1).max(max)
const element = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('plain_text_input'),
    action_id: actionId,
    multiline: z.boolean().optional(),
    initial_value: z.string().max(3_000).optional(),
    min_length: z.int().min(0).max(3_000).optional(),
    max_length: z.int().min(1).max(3_000).optional(),
    placeholder,
  }),
  z.strictObject({ type: z.literal('email_text_input'), action_id: actionId, initial_value: z.string().optional(), placeholder }),
  z.strictObject({ type: z.literal('url_text_input'), action_id: actionId, initial_value: z.string().optional(), placeholder }),
  z.strictObject({
    type: z.literal('number_input'),
    action_id: actionId,
    is_decimal_allowed: z.boolean(),
    initial_value: z.string().optional(),
    min_value: z.string().optional(),
    max_value: z.string().optional(),
    placeholder,
  }),
  z.strictObject({ type: z.literal('radio_buttons'), options: options(10), ...one }),
  z.strictObject({ type: z.literal('checkboxes'), options: options(10), ...many }),
  z.strictObject({ type: z.literal('static_select'), options: options(100), placeholder, ...one }),
  z.strictObject({ type: z.literal('multi_static_select'), options: options(100), placeholder, ...many }),
  z.strictObject({ type: z.literal('external_select'), min_query_length: z.int().min(0).optional(), placeholder, ...one }),
  z.strictObject({ type: z.literal('multi_external_select'), min_query_length: z.int().min(0).optional(), placeholder, ...many }),
  z.strictObject({ type: z.literal('datepicker'), action_id: actionId, initial_date: z.iso.date().optional() }),
  z.strictObject({
    type: z.literal('timepicker'),
    action_id: actionId,
    initial_time: z
      .string()
      .regex(/^\d\d:\d\d$/)
      .optional(),
  }),
  z.strictObject({ type: z.literal('datetimepicker'), action_id: actionId, initial_date_time: z.int().optional() }),
])
const section = z.strictObject({ type: z.literal('section'), block_id: blockId, text: text(3_000) })
const context = z.strictObject({ type: z.literal('context'), block_id: blockId, elements: z.array(text(3_000)).min(1).max(10) })
const divider = z.strictObject({ type: z.literal('divider'), block_id: blockId })
const header = z.strictObject({ type: z.literal('header'), block_id: blockId, text: plainText(150) })
const actions = z.strictObject({ type: z.literal('actions'), block_id: blockId, elements: z.array(button).min(1).max(25) })
const input = z.strictObject({
  type: z.literal('input'),
  block_id: blockId,
  label: plainText(2_000),
  element,
  optional: z.boolean().optional(),
  hint: plainText(2_000).optional(),
})
const unique = (blocks: { block_id?: string }[]) => {
  const ids = blocks.flatMap(({ block_id }) => block_id ?? [])
  return new Set(ids).size === ids.length
}
const messageBlocks = z
  .array(z.discriminatedUnion('type', [section, context, divider, header, actions]))
  .max(50)
  .refine(unique, 'block_id twice')
const viewBlocks = z
  .array(z.discriminatedUnion('type', [section, context, divider, header, actions, input]))
  .min(1)
  .max(100)
  .refine(unique, 'block_id twice')
const channel = z.string().regex(/^[CGD][A-Z0-9]+$/)
const view = z
  .strictObject({
    type: z.literal('modal'),
    callback_id: z.string().max(255).optional(),
    private_metadata: z.string().max(3_000).optional(),
    title: plainText(24),
    submit: plainText(24).optional(),
    close: plainText(24).optional(),
    blocks: viewBlocks,
  })
  .refine(
    (given) => given.submit !== undefined || !given.blocks.some(({ type }) => type === 'input'),
    'input blocks need a submit',
  )
const metadata = z.strictObject({ event_type: z.string().max(255), event_payload: z.record(z.string(), z.unknown()) })
/** Each method of the Web API that is known here, with the shape of its arguments. */
export const METHODS: Readonly<Record<string, z.ZodType>> = {
  'auth.test': z.strictObject({}),
  'oauth.v2.access': z.strictObject({
    code: z.string(),
    client_id: z.string(),
    client_secret: z.string(),
    redirect_uri: z.url(),
  }),
  'chat.postMessage': z.strictObject({
    channel,
    text: z.string().min(1).max(40_000),
    blocks: messageBlocks.optional(),
    thread_ts: z.string().optional(),
    unfurl_links: z.boolean().optional(),
    unfurl_media: z.boolean().optional(),
    metadata: metadata.optional(),
  }),
  'chat.update': z.strictObject({
    channel,
    ts: z.string(),
    text: z.string().min(1).max(40_000),
    blocks: messageBlocks.optional(),
  }),
  'chat.postEphemeral': z.strictObject({ channel, user: z.string().regex(/^[UW]/), text: z.string().min(1).max(40_000) }),
  'views.open': z.strictObject({ trigger_id: z.string(), view }),
  'conversations.open': z.strictObject({ users: z.string().regex(/^[UW]/) }),
  'conversations.list': z.strictObject({
    types: z.string(),
    exclude_archived: z.literal('true'),
    limit: z.string(),
    cursor: z.string().optional(),
  }),
  'conversations.history': z.strictObject({ channel, limit: z.string(), include_all_metadata: z.literal('true') }),
  'users.list': z.strictObject({ limit: z.string(), cursor: z.string().optional() }),
  'users.info': z.strictObject({ user: z.string() }),
  'users.lookupByEmail': z.strictObject({ email: z.email() }),
}
