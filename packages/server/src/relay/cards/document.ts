// The two documents of a card: our own, and the Agent Card of A2A 1.0 (R83, R84, R88). Both say the same, and no more than what this installation serves. Neither holds
// anything that A2A's canonical form would drop — no default, nothing empty, no null, at any depth — so that whoever checks the served JSON as it stands, by the rules
// of A2A or with its SDK, hashes the same bytes (R16). Signs nothing.
import { canonical } from '../../crypto/canonical.ts'
import type { CardContent } from './input.ts'

/** What of the A2A face is served; a card tells of nothing else. */
export type Faces = { jsonrpc: boolean; rest: boolean; streaming: boolean; push_notifications: boolean; extended_card: boolean }
export const FACES: Faces = { jsonrpc: true, rest: true, streaming: true, push_notifications: true, extended_card: true }

export const hasA2aFace = (faces: Faces): boolean => faces.jsonrpc || faces.rest
export const RELAY_EXTENSION = 'urn:countersign:a2a:relay:v1'

export type Published = { number: number; origin: string; faces: Faces }
type Document = Record<string, unknown>

export const agentUrl = (origin: string, slug: string): string => `${origin}/agents/${slug}/`
export const jwksUrl = (origin: string, slug: string): string => `${agentUrl(origin, slug)}.well-known/jwks.json`
const agentCardUrl = (origin: string, slug: string): string => `${agentUrl(origin, slug)}.well-known/agent-card.json`

export function nativeDocument(content: CardContent, { number, origin, faces }: Published): Document {
  const { slug, extended: _forGrantHolders, ...said } = content
  const api = `${origin}/api/v1/agents/${slug}`
  return {
    slug,
    version: number,
    ...said,
    url: agentUrl(origin, slug),
    links: {
      card: `${api}/card`,
      connection_requests: `${api}/connection-requests`,
      threads: `${api}/threads`,
      invoke: `${api}/invoke`,
      jwks: jwksUrl(origin, slug),
      ...(hasA2aFace(faces) && { a2a_card: agentCardUrl(origin, slug) }),
    },
  }
}

const SCOPES = {
  'threads:start': 'Start threads',
  'threads:send': 'Send messages in threads',
  'threads:read': 'Read threads',
  'threads:close': 'Close threads',
  'threads:subscribe': 'Be told of what happens in threads',
}

export function a2aDocument(content: CardContent, published: Published): Document {
  const { number, origin, faces } = published
  const provider = content.provider && { organization: content.provider.name, url: content.provider.url }
  const interfaces = interfacesOf(content.slug, origin, faces)
  return {
    name: content.name,
    description: content.description ?? content.summary,
    ...(provider && { provider }),
    version: String(number),
    ...(interfaces.length > 0 && { supportedInterfaces: interfaces }),
    capabilities: capabilitiesOf(content, published),
    securitySchemes: {
      bearer: { httpAuthSecurityScheme: { description: 'A relay token, or the key of an agent.', scheme: 'Bearer' } },
      oauth: {
        oauth2SecurityScheme: { flows: { clientCredentials: { tokenUrl: `${origin}/api/v1/oauth/token`, scopes: SCOPES } } },
      },
    },
    securityRequirements: [
      { schemes: { bearer: { list: ['threads:start'] } } },
      { schemes: { oauth: { list: ['threads:start'] } } },
    ],
    defaultInputModes: content.accepted_inputs,
    defaultOutputModes: content.expected_outputs,
    skills: content.skills.map(({ id, name, description, tags, examples, input_modes, output_modes }) => ({
      id,
      name,
      description,
      tags,
      ...(examples && { examples }),
      ...(input_modes && { inputModes: input_modes }),
      ...(output_modes && { outputModes: output_modes }),
    })),
    ...(content.documentation_url && { documentationUrl: content.documentation_url }),
    ...(content.icon_url && { iconUrl: content.icon_url }),
  }
}

function interfacesOf(slug: string, origin: string, faces: Faces): Document[] {
  const at = `${agentUrl(origin, slug)}a2a`
  return [
    ...(faces.jsonrpc ? [{ url: `${at}/jsonrpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }] : []),
    ...(faces.rest ? [{ url: `${at}/rest`, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0' }] : []),
  ]
}

/** Whether an operation of the A2A face is there for this card: the card and the behaviour ask this one question (R84). */
export const offers = (
  content: Pick<CardContent, 'capabilities' | 'extended'>,
  faces: Faces,
  name: 'streaming' | 'push_notifications' | 'extended_card',
): boolean => {
  const said = content.capabilities?.[name]
  // One that says nothing more has no extended card, unless its owner declares one all the same.
  const isThere = name !== 'extended_card' || said === true || content.extended !== undefined
  return faces[name] && isThere && said !== false
}

function capabilitiesOf(content: CardContent, { origin, faces }: Published): Document {
  const isStreaming = offers(content, faces, 'streaming')
  return {
    ...(isStreaming && { streaming: true }),
    ...(offers(content, faces, 'push_notifications') && { pushNotifications: true }),
    ...(offers(content, faces, 'extended_card') && { extendedAgentCard: true }),
    extensions: [
      {
        uri: RELAY_EXTENSION,
        description: 'Approvals, numbered events and idempotent sends of the relay.',
        params: {
          approval: content.approval,
          delivery: content.delivery,
          retention_days: content.retention_days,
          native_api: `${origin}/api/v1`,
          signature_schemes: ['standard', 'foragent'],
          idempotency: true,
          ...(isStreaming && { stream_resume: true }),
          encryption: content.encryption_keys ? 'optional' : 'off',
        },
      },
    ],
  }
}

/** What somebody with a live relay grant is told (R86): all of the card, and what that relay grant gives. */
export function extendedDocument(content: CardContent, published: Published, granted: Document): Document {
  const { description, skills = [] } = content.extended ?? {}
  const whole = { ...content, skills: [...content.skills, ...skills], ...(description && { description }) }
  const document = a2aDocument(whole, published)
  const { extensions, ...capabilities } = document.capabilities as { extensions: { params: Document }[] }
  const [own, ...others] = extensions
  const params = {
    ...own?.params,
    relay_grant: granted,
    ...(content.encryption_keys && { encryption_keys: content.encryption_keys }),
  }
  return { ...document, capabilities: { ...capabilities, extensions: [{ ...own, params }, ...others] } }
}

/** What goes over the wire: each byte of it is covered by its signatures, or is one of them. */
export const wireOf = (document: Document, signatures: readonly object[]): Buffer =>
  Buffer.from(canonical({ ...document, signatures }))
