// What a run may reach, made up for tests of the judgement.
import type { Definition } from '../../../vault/providers/definition.ts'
import { factTypes } from '../../../vault/providers/facts.ts'
import type { View, ViewConnection, ViewGrant } from '../view.ts'

export const definition = (name: string, hosts: Definition['hosts'], more: Partial<Definition> = {}): Definition => ({
  schema: 1,
  name,
  kind: 'app',
  display_name: name,
  hosts,
  methods: ['api_key'],
  inject: [{ where: 'header', name: 'authorization', template: 'Bearer {{api_key}}' }],
  ...more,
})
export const GRANT: ViewGrant = {
  id: 'grt_1',
  rules: [],
  startsAt: new Date(0),
  expiresAt: new Date(1e13),
  maxUses: null,
  uses: 0,
  clientCidrs: [],
  placeholderRequired: false,
  minting: false,
  record: 'auto',
  scan: true,
  status: 'active',
  generation: 1,
}
export const connection = (id: string, of: Definition, more: Partial<ViewConnection> = {}): ViewConnection => ({
  id: `conn_${id}`,
  provider: of.name,
  definition: of,
  definitionVersion: 0,
  bundled: true,
  name: 'default',
  owner: null,
  labels: [],
  params: {},
  status: 'connected',
  generation: 1,
  placeholder: `csph_conn_${id}`,
  grants: [GRANT],
  ...more,
})
export const view = (connections: ViewConnection[], more: Partial<View['run']> = {}, known: Definition[] = []): View => ({
  run: {
    id: 'run_1',
    tenant: 'ten_1',
    tenantId: '',
    agentId: 'agt_1',
    mode: 'enforce',
    labels: [],
    proof: 'key',
    createdAt: new Date(0),
    expiresAt: new Date(1e13),
    purpose: 'test',
    chosen: {},
    waitMs: null,
    ...more,
  },
  agent: { id: 'agt_1', name: 'bot', environment: 'live', labels: [], owner: null },
  connections,
  known,
  facts: factTypes(connections.map(({ definition }) => definition)),
  policy: { version: 1, text: '' },
  revision: 1,
})
