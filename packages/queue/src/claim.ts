// What a worker was given: the one call that claims, and a job as the worker holds it, whether it came packed from the ring or as a row. Never
// reads what nobody asks for: times, tags and metadata are made when a handler looks at them.
import type { Job, Progress } from './kind.ts'
import { type ClaimWant, claimPacked, type HandedJob, type PackedClaim } from './sql.ts'
import type { Store } from './store.ts'

/** One claim of one lane, as far as this worker is concerned with its end (Q46). */
export class Receipt {
  readonly lease: number
  readonly token: string
  readonly size: number
  /** Completed with nothing to store, and not yet said to the database. */
  done: Held[] = []
  /** Already on its way to be said. */
  marked = false

  constructor(claim: PackedClaim, token: string) {
    this.lease = claim.lease
    this.token = token
    this.size = claim.jobs.length
  }
}

/** A job that this worker claimed and has not ended. */
export class Held {
  readonly id: string
  readonly tenantId: string
  readonly kind: string
  readonly queue: string
  readonly priority: number
  readonly payload: unknown
  readonly payloadVersion: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashes: number
  readonly lease: number
  readonly token: string
  readonly deadlineInMs: number | null
  /** The claim in which it still lies; null: it has a row of its own. */
  receipt: Receipt | null
  /** Its position in the claim. */
  readonly place: number
  readonly heldAt: number
  /** As the handler is to see it, where that is not what is stored. */
  opened: Progress | null = null
  readonly #row: HandedJob | null
  readonly #claim: PackedClaim | null

  private constructor(
    row: HandedJob | null,
    claim: PackedClaim | null,
    receipt: Receipt | null,
    place: number,
    token: string,
    heldAt: number,
  ) {
    this.#row = row
    this.#claim = claim
    this.receipt = receipt
    this.place = place
    this.token = token
    this.heldAt = heldAt
    if (row) {
      this.id = row.id
      this.tenantId = row.tenant_id
      this.kind = row.kind
      this.queue = row.queue
      this.priority = row.priority
      this.payload = row.payload
      this.payloadVersion = row.payload_version
      this.attempt = row.attempt
      this.maxAttempts = row.max_attempts
      this.crashes = row.crashes
      this.lease = row.lease
      this.deadlineInMs = row.deadline_in_ms
    } else {
      const { lease, queue, priority, jobs } = claim as PackedClaim
      const [id, tenantId, kind, payload, , deadlineInMs, maxAttempts, rest] = jobs[place] as PackedClaim['jobs'][number]
      this.id = id
      this.tenantId = tenantId
      this.kind = kind
      this.queue = queue
      this.priority = priority
      this.payload = payload
      this.payloadVersion = rest?.payload_version ?? 1
      this.attempt = 1
      this.maxAttempts = maxAttempts
      this.crashes = 0
      this.lease = lease + place
      this.deadlineInMs = deadlineInMs
    }
  }

  static ofRow(row: HandedJob, token: string, heldAt: number): Held {
    return new Held(row, null, null, 0, token, heldAt)
  }

  static ofClaim(claim: PackedClaim, token: string, heldAt: number): Held[] {
    const receipt = new Receipt(claim, token)
    return claim.jobs.map((_, place) => new Held(null, claim, receipt, place, token, heldAt))
  }

  get fence(): { id: string; lease: number; token: string } {
    return { id: this.id, lease: this.lease, token: this.token }
  }

  #packed() {
    return this.#claim?.jobs[this.place]
  }

  get enqueuedAt(): Date {
    return new Date(this.#row?.enqueued_at ?? this.#packed()?.[4] ?? Number.NaN)
  }

  get runAt(): Date {
    return this.#row ? new Date(this.#row.run_at) : this.enqueuedAt
  }

  get metadata(): Readonly<Record<string, unknown>> {
    return this.#row?.metadata ?? this.#packed()?.[7]?.metadata ?? {}
  }

  get tags(): readonly string[] {
    return this.#row?.tags ?? this.#packed()?.[7]?.tags ?? []
  }

  get trace(): unknown {
    return this.#row?.trace ?? this.#packed()?.[7]?.trace ?? null
  }

  get progress(): Progress | null {
    return this.opened ?? this.#row?.progress ?? null
  }

  /** By the clock of this process when the claim did not say it: for a handler's information, never for a decision (Q5). */
  get deadlineAt(): Date | null {
    if (this.#row?.deadline_at) return new Date(this.#row.deadline_at)
    if (this.deadlineInMs === null) return null
    return new Date(performance.timeOrigin + this.heldAt + this.deadlineInMs)
  }
}

/** The job as its handler sees it: of the holder's own affairs it shows nothing. */
export class HeldJob<Payload> implements Job<Payload> {
  readonly #held: Held
  readonly payload: Payload

  constructor(held: Held, payload: Payload) {
    this.#held = held
    this.payload = payload
  }

  get id() {
    return this.#held.id
  }
  get tenantId() {
    return this.#held.tenantId
  }
  get kind() {
    return this.#held.kind
  }
  get queue() {
    return this.#held.queue
  }
  get priority() {
    return this.#held.priority
  }
  get attempt() {
    return this.#held.attempt
  }
  get maxAttempts() {
    return this.#held.maxAttempts
  }
  get lease() {
    return this.#held.lease
  }
  get runAt() {
    return this.#held.runAt
  }
  get enqueuedAt() {
    return this.#held.enqueuedAt
  }
  get deadlineAt() {
    return this.#held.deadlineAt
  }
  get metadata() {
    return this.#held.metadata
  }
  get tags() {
    return this.#held.tags
  }
  get progress() {
    return this.#held.progress
  }

  toJSON(): Job<Payload> {
    const { id, tenantId, kind, queue, priority, payload, attempt, maxAttempts, lease } = this
    const { runAt, enqueuedAt, deadlineAt, metadata, tags, progress } = this
    return {
      ...{ id, tenantId, kind, queue, priority, payload, attempt, maxAttempts, lease },
      ...{ runAt, enqueuedAt, deadlineAt, metadata, tags, progress },
    }
  }
}

export type Given = { lost: boolean; held: Held[]; waitMs: number | null; paced: readonly string[] }

/** One statement for all queues (Q43). `token` is this call's own, so that two claims never share a fence. */
export async function claimJobs(
  store: Store,
  worker: string,
  token: string,
  wants: readonly ClaimWant[],
  sleepMs: number,
  relaxed: boolean,
): Promise<Given> {
  const { lost, claims, jobs, wait_ms, paced = [] } = await claimPacked(store, worker, token, wants, sleepMs, relaxed)
  const now = performance.now()
  const held: Held[] = []
  for (const row of jobs) held.push(Held.ofRow(row, token, now))
  for (const claim of claims ?? []) held.push(...Held.ofClaim(claim, token, now))
  return { lost, held, waitMs: wait_ms ?? null, paced }
}
