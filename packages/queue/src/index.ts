// The public face of @countersign/queue: durable jobs in PostgreSQL. Everything else in this package is its own business.
export type { Callback, Settled } from './callback.ts'
export { type CallbackKeys, fixedKeys, type KeyFileOptions, type KeySource, openKeyFile, signingKey } from './callback-keys.ts'
export { type CallbackServerOptions, serveCallbacks } from './callback-server.ts'
export { type Copied, type CopiedIds, type CopyOptions, copyIn, type Refused } from './copy-in.ts'
export type { Duration } from './duration.ts'
export { type Enqueue, type EnqueueOptions, enqueue, enqueueMany, type UniqueRule } from './enqueue.ts'
export { type Fault, QueueError, type QueueErrorCode } from './error.ts'
export type { Clock, Log } from './host.ts'
export {
  type AbortReason,
  type BackoffRule,
  type CallbackOptions,
  type Context,
  defineKind,
  type FollowUp,
  type Job,
  type Kind,
  type KindOptions,
  kindName,
  type Progress,
  type Schema,
} from './kind.ts'
export { listMigrations, type Migration, migrate } from './migrate.ts'
export { cancel, discard, isOutcome, type Outcome, park, retry, snooze } from './outcome.ts'
export type { QueueShare, Shares } from './permits.ts'
export { type ByKey, createQueue, type InTx, type Queue, type QueueOptions } from './queue.ts'
export {
  type Action as CallbackAction,
  type Call as CallbackCall,
  type CallbackQueue,
  callbackHandler,
  nodeCallbackHandler,
  openReceiver,
  RECEIVER_PROBLEMS,
  type Receiver,
  type ReceiverOptions,
  type Reply as CallbackReply,
} from './receiver.ts'
export { defineSchedule, nextFires, type Schedule, type ScheduleOptions } from './schedule.ts'
export {
  AWA_SIGNATURE_HEADER,
  type CallbackKey,
  callbackUrl,
  DEFAULT_PREFIX as CALLBACK_PREFIX,
  SIGNATURE_HEADER,
  type Signed,
  type SignedAction,
  signAwa,
  signCallback,
  verifyAwa,
  verifySignature,
} from './signature.ts'
export {
  type CallbackRow,
  type Changed,
  type DeadLetterFilter,
  type JobFilter,
  type JobRow,
  type ScheduleRow,
  STATES,
  type State,
  type TickCounts,
  type WorkerRow,
} from './sql.ts'
export type { DatabaseOption, Queryable } from './store.ts'
export { advance, drain, expectEnqueued, type Ran } from './testing.ts'
export type { SettledHook, Worker, WorkerOptions } from './worker.ts'
