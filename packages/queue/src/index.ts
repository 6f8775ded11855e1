// The public face of @countersign/queue: durable jobs in PostgreSQL. Everything else in this package is its own business.
export type { Callback, Settled } from './callback.ts'
export { type CallbackKeys, fixedKeys, type KeyFileOptions, type KeySource, openKeyFile, signingKey } from './callback-keys.ts'
export { type CallbackServerOptions, serveCallbacks } from './callback-server.ts'
export type { Codec } from './codec.ts'
export { type Copied, type CopiedIds, type CopyOptions, copyIn, type Refused } from './copy-in.ts'
export type { Finding } from './doctor.ts'
export type { Duration } from './duration.ts'
export { type Enqueue, type EnqueueOptions, enqueue, enqueueMany, type UniqueRule } from './enqueue.ts'
export { type Fault, QueueError, type QueueErrorCode } from './error.ts'
export type { AnyFollowUp, Followed, FollowUp, FollowUpFunction } from './follow-up.ts'
export type { Degraded, Health } from './health.ts'
export type { Clock, Log } from './host.ts'
export { DispatchRefused, defineHttpKind, type Fetch, type HttpKindOptions } from './http-worker.ts'
export {
  type AbortReason,
  type BackoffRule,
  type BatchContext,
  type BatchKindOptions,
  type BatchRule,
  type CallbackOptions,
  type Context,
  defineKind,
  type Job,
  type Kind,
  type KindOptions,
  kindName,
  type Progress,
  type Schema,
} from './kind.ts'
export type { Limits, PerKey, QueueChange, QueueSettings, Rate } from './limit.ts'
export type { DutyName } from './maintenance.ts'
export { listMigrations, type Migration, migrate } from './migrate.ts'
export { cancel, discard, isOutcome, type Outcome, park, retry, snooze } from './outcome.ts'
export type { QueueShare, Shares } from './permits.ts'
export { PROMETHEUS_TYPE, type PrometheusMeter, prometheusMeter } from './prometheus.ts'
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
export { defineSchedule, nextFires, type PastFire, type Schedule, type ScheduleFires, type ScheduleOptions } from './schedule.ts'
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
  type CallbackFilter,
  type CallbackRow,
  type Changed,
  type Counts,
  type DeadLetterFilter,
  type Depth,
  type Figures,
  type JobFilter,
  type JobPage,
  type JobRow,
  type KindRow,
  type QueueRow,
  type RingView,
  type ScheduleRow,
  STATES,
  type State,
  type Stats,
  type TickCounts,
  type Timeseries,
  type Transition,
  type WatchFilter,
  type WorkerRow,
} from './sql.ts'
export type { DatabaseOption, Queryable } from './store.ts'
export type { Meter, Meters, Telemetry, Tracer } from './telemetry.ts'
export type { Watched, WatchOptions } from './watch.ts'
export type { Worker } from './worker.ts'
export type { HookedJob, Hooks, RescueReason, SettledHook, WorkerOptions } from './worker-plan.ts'
