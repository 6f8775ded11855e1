// Every type an event may have: its class and what it says, in one sentence. A type that is not here cannot be recorded.
// `audit` is kept for years and sealed; `activity` tells people what is going on and is kept for months (P109, P122).
export type EventClass = 'audit' | 'activity'

export const EVENT_TYPES = {
  'session.started': { class: 'audit', says: 'A user signed in.' },
  'session.ended': { class: 'audit', says: 'A session ended, by its user or for them.' },
  'session.replayed': { class: 'audit', says: 'A replaced session token came back, so the session was ended.' },
  'signin.failed': { class: 'audit', says: 'A sign-in was refused.' },
  'user.created': { class: 'audit', says: 'A user was added.' },
  'user.updated': { class: 'audit', says: 'A user changed their own or another’s profile.' },
  'user.deactivated': { class: 'audit', says: 'A user lost access.' },
  'role.changed': { class: 'audit', says: 'A user was given another role.' },
  'invitation.created': { class: 'audit', says: 'Somebody was invited.' },
  'invitation.accepted': { class: 'audit', says: 'An invitation was accepted.' },
  'invitation.revoked': { class: 'audit', says: 'An invitation was withdrawn.' },
  'password.changed': { class: 'audit', says: 'A password was changed.' },
  'agent.created': { class: 'audit', says: 'An agent was added.' },
  'agent.updated': { class: 'audit', says: 'An agent was changed, paused or resumed.' },
  'agent.revoked': { class: 'audit', says: 'An agent was revoked with all its keys.' },
  'key.created': { class: 'audit', says: 'A key was made.' },
  'key.rotated': { class: 'audit', says: 'A key was given a new token.' },
  'key.revoked': { class: 'audit', says: 'A key was revoked.' },
  'key.exposed': { class: 'audit', says: 'A key was seen where others can read it.' },
  'key.expiring': { class: 'audit', says: 'A key ends soon.' },
  'settings.changed': { class: 'audit', says: 'A setting of the tenant was changed.' },
  'task.created': { class: 'activity', says: 'An agent asked a question.' },
  'task.updated': { class: 'activity', says: 'A task was changed while it was open.' },
  'task.claimed': { class: 'activity', says: 'A person took a task on.' },
  'task.released': { class: 'activity', says: 'A person gave a task back.' },
  'task.completed': { class: 'audit', says: 'A task was answered.' },
  'task.timed_out': { class: 'audit', says: 'A task’s deadline passed without an answer.' },
  'task.cancelled': { class: 'audit', says: 'A task was cancelled.' },
  'task.verification_exhausted': { class: 'audit', says: 'A task’s answers failed verification too often.' },
  'task.replay_mismatch': { class: 'activity', says: 'A known idempotency key came with other content.' },
  'task.callback_delivered': { class: 'activity', says: 'A task’s callback address took the result.' },
  'task.callback_failed': { class: 'activity', says: 'A task’s callback address did not take the result within the schedule.' },
} as const satisfies Record<string, { class: EventClass; says: string }>

export type EventType = keyof typeof EVENT_TYPES
export const isEventType = (text: string): text is EventType => Object.hasOwn(EVENT_TYPES, text)
