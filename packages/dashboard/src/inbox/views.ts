// The views of the inbox as they stand in its address: what each asks the list for, and what it says when there is nothing.
import type { RouteAnswer, TaskQuery } from '@countersign/sdk'
import { t } from '../text/t.ts'

export type TaskCounts = RouteAnswer<'GET /tasks/counts'>

type Shape = { label: string; query: TaskQuery; count: keyof Omit<TaskCounts, 'at_least'> | null; empty: string }

const WAITING: TaskQuery = { status: ['open', 'returned'], sort: 'deadline' }

export const VIEWS = {
  all: {
    label: t('All'),
    query: { ...WAITING, status: ['open', 'returned', 'verifying', 'revising'] },
    count: 'all',
    empty: t('Nothing waits for anybody.'),
  },
  mine: {
    label: t('Mine'),
    query: { ...WAITING, mine: true },
    count: 'mine',
    empty: t('Nothing waits for you: you hold no task, and none that is free was asked of you.'),
  },
  claimable: {
    label: t('Claimable'),
    query: { claimable: true, sort: 'deadline' },
    count: 'claimable',
    empty: t('There is nothing to claim: whatever was asked of you and others is held by somebody.'),
  },
  team: {
    label: t('Team'),
    query: { ...WAITING, team: true },
    count: 'team',
    empty: t('Nothing waits for a pool that you are in.'),
  },
  settled: {
    label: t('Settled'),
    query: { status: ['completed', 'timed_out', 'cancelled', 'verification_exhausted'], sort: 'updated' },
    count: null,
    empty: t('Nothing was settled yet.'),
  },
} satisfies Record<string, Shape>

export type View = keyof typeof VIEWS
export const NAMES = Object.keys(VIEWS) as View[]

export const viewOf = (text: string | null): View => (text !== null && Object.hasOwn(VIEWS, text) ? (text as View) : 'all')

/** So far the server counts. */
const COUNTED = 10_000

/** "12", "10,000+": what was counted, and whether there is more. */
export const countText = (counts: TaskCounts, name: keyof Omit<TaskCounts, 'at_least'>): string => {
  const more = counts.at_least && (name === 'all' || counts[name] >= COUNTED)
  return `${FIGURE.format(counts[name])}${more ? '+' : ''}`
}

const FIGURE = new Intl.NumberFormat(undefined)
