// @countersign/sdk: what an agent author, a webhook receiver and the dashboard import. It depends on nothing and on no runtime.

export { type ActionOptions, type ActionType, approve, propose, type Verdict, verdictOf } from './action.ts'
export { ask, awaitHuman, type ResumeOptions, resume, wait } from './await-human.ts'
export {
  type CatalogueEntry,
  CLIENT_PROBLEMS,
  type ClientCode,
  isProblemCode,
  PROBLEMS,
  type ProblemCode,
  type Retry,
} from './catalogue.ts'
export { type ClientOptions, Countersign, createClient, type RequestOptions, type RouteCall } from './client.ts'
export type { Clock } from './clock.ts'
export type { Duration } from './duration.ts'
export {
  Aborted,
  Forbidden,
  KeyReused,
  PayloadInvalid,
  RateLimited,
  ResponseInvalid,
  SchemaNotConvertible,
  ServerUnreachable,
  TaskCancelled,
  TaskDenied,
  TaskNotFound,
  TaskTimedOut,
  TimeoutOutOfRange,
  Unauthorized,
  VerificationExhausted,
} from './errors.ts'
export { type Asked, type HumanDecision, TaskHandle, type WaitingOptions } from './handle.ts'
export type { LiveEvent, StreamOptions } from './live.ts'
export { type FieldError, Problem, type ProblemBody, type ProblemMembers } from './problem.ts'
export { type ProofOptions, type ProofSigner, thumbprintOf } from './proof.ts'
export type { AskOptions, Through } from './question.ts'
export { type CardFault, type CardKey, type CardKeys, CardRefused, type VerifiedCard, verifyCard } from './relay/card.ts'
export type { EventsOptions, NumberedEvent } from './relay/events.ts'
export {
  type OnceOptions,
  type Relay,
  type RelayOptions,
  relay,
  type SendMessage,
  type StartThread,
  type ThreadEndpoints,
  type WaitOptions,
} from './relay/relay.ts'
export {
  type RelayHandler,
  type RelayResponse,
  type RelayServer,
  type ServedMessage,
  type ServeOptions,
  serveRelay,
} from './relay/serve.ts'
export type { AnswerOf, ResponseSchema, StandardSchema } from './schema/schema.ts'
export type {
  CreateTask,
  DecideTask,
  Decision,
  EventRecord,
  Head,
  JsonObject,
  JsonSchema,
  Page,
  PollResult,
  RouteAnswer,
  RouteBody,
  RouteQuery,
  Task,
  TaskEvent,
  TaskListItem,
  TaskListPage,
  TaskOutcome,
  TaskQuery,
  TaskStatus,
  UpdateTask,
  WaitResult,
  WaitTasks,
} from './shapes.ts'
export { type Caller, type CallerKeys, type VerifyCallerOptions, verifyCaller } from './webhook/caller.ts'
export type { WebhookMode } from './webhook/mode.ts'
export {
  type NodeRequest,
  type NodeResponse,
  type ReceiveOptions,
  webhookExpressHandler,
  webhookFetchHandler,
  webhookHonoHandler,
  webhookNodeHandler,
} from './webhook/receive.ts'
export {
  type HeadersLike,
  type VerifiedWebhook,
  type VerifyOptions,
  verifyWebhook,
  type WebhookReason,
  WebhookRefused,
} from './webhook/verify.ts'
export type * from './wire.ts'
