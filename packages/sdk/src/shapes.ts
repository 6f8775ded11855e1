// Names for what travels, read off the routes of wire.ts, so that a change of the server's contract table is a change here by itself.

import type { Event, Json, Routes } from './wire.ts'

/** A route by method and path, such as `POST /tasks/:id/claim`. */
export type Head = keyof Routes
type Answers<H extends Head> = Routes[H]['answers']
/** What a route answers when it does what was asked. */
export type RouteAnswer<H extends Head> = Answers<H>[keyof Answers<H>]
/** What a route is sent. */
export type RouteBody<H extends Head> = Sent<Routes[H]['body']>
// An interface has no index signature and so is not a JSON object to the compiler. What is sent may be any object; what comes is JSON.
type Sent<T> = [Json] extends [T]
  ? unknown
  : T extends readonly (infer Item)[]
    ? Sent<Item>[]
    : T extends object
      ? string extends keyof T
        ? object
        : { [Member in keyof T]: Sent<T[Member]> }
      : T
/** What a route can be asked. */
export type RouteQuery<H extends Head> = Routes[H]['query']

/** A JSON object. */
export type JsonObject = { [member: string]: Json }
/** A JSON Schema, 2020-12 or draft-07. */
export type JsonSchema = { [keyword: string]: unknown }
/** One page of a list; `next_cursor` is null on the last. */
export type Page<T> = { data: T[]; next_cursor: string | null }

export type Task = RouteAnswer<'GET /tasks/:id'>
export type TaskStatus = Task['status']
export type TaskOutcome = NonNullable<Task['outcome']>
export type Decision = Task['decisions'][number]
export type TaskListPage = RouteAnswer<'GET /tasks'>
/** A task as lists carry it: without schemas, and without content unless asked for. */
export type TaskListItem = TaskListPage['data'][number]
export type TaskQuery = RouteQuery<'GET /tasks'>
export type CreateTask = RouteBody<'POST /tasks'>
export type UpdateTask = RouteBody<'PATCH /tasks/:id'>
export type DecideTask = RouteBody<'POST /tasks/:id/decide'>
/** The word of the asking agent on an answer that lies with it. */
export type VerifyTask = RouteBody<'POST /tasks/:id/verification'>
export type Comment = RouteAnswer<'POST /tasks/:id/comments'>
export type ReviseTask = RouteBody<'POST /tasks/:id/revisions'>
export type ReportOutcome = RouteBody<'POST /tasks/:id/outcome'>
export type PollResult = RouteAnswer<'GET /tasks/:id/poll'>
export type WaitTasks = RouteBody<'POST /tasks/wait'>
export type WaitResult = RouteAnswer<'POST /tasks/wait'>

/** One entry of the record. */
export type EventRecord = Event
/** One event of a stream of tasks. */
export type TaskEvent = { id: string; type: string; occurred_at: string; task_id: string; data: JsonObject }
