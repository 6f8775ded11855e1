// What a test imports: `database()` for a room that needs only PostgreSQL, `setup()` for the whole server.
export type { Cable } from './cable.ts'
export { type Answer, type Client, type Credential, clientOf } from './client.ts'
export { type MovableClock, milliseconds, movableClock } from './clock.ts'
export { type Admin, type Database, type DatabaseOptions, database } from './database.ts'
export { type AgentCaller, type Given, type House, type LazyPerson, type Person, type SetupOptions, setup } from './house.ts'
export { type ModelProvider, openModelProvider } from './model-provider.ts'
export { openProxy, type ProxyOptions, type ProxyStandIn } from './proxy.ts'
export { type Member, openSlack, readable, type SlackMessage, type SlackStandIn, type SlackView } from './slack.ts'
