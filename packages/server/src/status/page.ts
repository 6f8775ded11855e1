// /status as a document (P142): written whole by the server, read without a script, told apart by words and shapes as well as by colour. Every text of people is
// escaped; nothing here is measured, decided or remembered.

import { type Board, type Component, list, type Shown, timeOf } from './board.ts'
import { bars, pace } from './chart.ts'
import type { Incident } from './incident.ts'
import { runbookOf } from './runbook.ts'

export type RelayView = Readonly<Record<string, string | number | null | undefined>>
export type View = { board: Board; relay: RelayView; full: boolean; name: string; now: Date }

const WORDS: Record<Shown, string> = { ok: 'Works', warn: 'Needs attention', outage: 'Not working', unknown: 'Not known' }
const TITLES: Record<Shown, string> = { ok: 'All well', warn: 'Attention', outage: 'Trouble', unknown: 'Not known' }
// Shapes, so that colour never speaks alone: a tick, a bar, a cross, a question.
const MARKS: Record<Shown, string> = {
  ok: '<path d="M5 10.5l3.4 3.4L15 7.2"/>',
  warn: '<path d="M10 5.5v5.6M10 14.2v.3"/>',
  outage: '<path d="M6.2 6.2l7.6 7.6M13.8 6.2l-7.6 7.6"/>',
  unknown: '<path d="M7.6 7.8a2.4 2.4 0 1 1 3.4 2.3c-.7.4-1 .8-1 1.5M10 14.3v.2"/>',
}

export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[char] as string)

const mark = (state: Shown): string =>
  `<svg class="mark ${state}" viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="9"/>${MARKS[state]}</svg>`

export function statusPage(view: View): string {
  const { board, name, now } = view
  const open = board.incidents.filter((one) => one.closed_at === null)
  const past = board.incidents.filter((one) => one.closed_at !== null)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${TITLES[board.status]} · ${escaped(name)} status</title>
<link rel="stylesheet" href="/status.css">
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="alternate" type="application/atom+xml" href="/status/feed.atom" title="Incidents and maintenance">
</head>
<body>
<main>
<header>
<p class="name"><span>${escaped(name)}</span> status</p>
<nav aria-label="Other forms"><a href="/status/feed.atom">Feed</a><a href="/status.json">JSON</a></nav>
</header>
<section class="now ${board.status}" aria-label="Now">
${mark(board.status)}
<div>
<h1>${escaped(board.sentence)}</h1>
<p>${asOf(board, now)}</p>
</div>
</section>
${open.length > 0 ? `<section aria-labelledby="open"><h2 id="open">Now and planned</h2>${open.map((one) => incident(one, view)).join('')}</section>` : ''}
<section aria-labelledby="components">
<h2 id="components">Components</h2>
<ul class="components">
${board.components.map((one) => component(one, view)).join('\n')}
</ul>
<p class="scale"><span>90 days ago</span><span>today</span></p>
<p class="legend"><span class="key ok"></span>worked <span class="key warn"></span>slow <span class="key outage"></span>not working <span class="key none"></span>not measured</p>
</section>
${relayPart(view.relay)}
${pace(board.latency)}
<section aria-labelledby="past">
<h2 id="past">The last two weeks</h2>
${past.length > 0 ? past.map((one) => incident(one, view)).join('') : '<p class="quiet">No incident was announced.</p>'}
</section>
</main>
<footer><p>Times are UTC. It is measured every minute; reload to see what is new.</p></footer>
</body>
</html>
`
}

function asOf(board: Board, now: Date): string {
  if (board.as_of === null) return 'Nothing is known of the time before.'
  const at = `<time datetime="${board.as_of}">${timeOf(board.as_of, now)}</time>`
  return board.away_since === null ? `As of ${at}` : `What follows is as of ${at}.`
}

function component(one: Component, { full, now }: View): string {
  const uptime = one.uptime === null ? 'not measured yet' : `${percent(one.uptime)} without outage`
  const since = one.since && one.state !== 'ok' ? ` since ${timeOf(one.since, now)}` : ''
  const figures = full ? figuresOf(one) : ''
  const page = full && (one.state === 'warn' || one.state === 'outage') ? runbookOf(one.name) : null
  const todo = page === null ? '' : ` What to do: ${escaped(page)}.`
  return `<li>
<div class="head">${mark(one.state)}<h3>${escaped(one.title)}</h3><p class="state ${one.state}">${WORDS[one.state]}${since}</p></div>
<p class="says">${escaped(one.says)}${figures}${todo}</p>
${bars(one)}
<p class="uptime">${uptime}</p>
</li>`
}

const PARTS: Record<string, string> = {
  api: 'API',
  a2a: 'A2A',
  inbox: 'Inbox',
  push: 'Push',
  upstream: 'Upstream agents',
  streams: 'Streams',
  approvals: 'Approvals',
}
const PART_STATES: Record<string, Shown> = { ok: 'ok', degraded: 'warn', down: 'outage' }

/** Agents of different owners: each part by itself, and the figures where they are shown (relay.md R111). */
function relayPart(relay: RelayView): string {
  const parts = Object.entries(PARTS).map(([name, title]) => {
    const state = PART_STATES[String(relay[name])] ?? 'unknown'
    return `<li><div class="head">${mark(state)}<h3>${title}</h3><p class="state ${state}">${WORDS[state]}</p></div></li>`
  })
  const said = Object.entries(relay).flatMap(([name, value]) =>
    name in PARTS || value === null || value === undefined
      ? []
      : [`${name.replaceAll('_', ' ')} ${typeof value === 'number' ? value.toLocaleString('en') : value}`],
  )
  const figures = said.length > 0 ? `<p class="quiet">${escaped(list(said))}.</p>` : ''
  return `<section aria-labelledby="relay"><h2 id="relay">Relay</h2><ul class="components">${parts.join('')}</ul>${figures}</section>`
}

/** 99.99 % is not 100 %: cut, never rounded up. */
export const percent = (share: number): string => `${(Math.floor(share * 10_000) / 100).toFixed(2).replace(/\.?0+$/, '')} %`

const UNITS: Record<string, string> = { ms: 'ms', s: 's', left: '' }

function figuresOf({ measured }: Component): string {
  const said = Object.entries(measured).flatMap(([name, value]) => {
    if (value === null) return []
    const unit = UNITS[name.split('_').at(-1) as string]
    const words = name.replace(/_(ms|s)$/, '').replaceAll('_', ' ')
    return `${words} ${/_share$|^share_/.test(name) ? percent(value) : value.toLocaleString('en')}${unit ? ` ${unit}` : ''}`
  })
  return said.length > 0 ? ` <span class="figures">${escaped(list(said))}.</span>` : ''
}

const STATUS_WORDS: Record<string, string> = {
  investigating: 'Investigating',
  identified: 'Identified',
  monitoring: 'Watching',
  resolved: 'Resolved',
  scheduled: 'Planned',
  in_progress: 'Under way',
  completed: 'Done',
}

export const wordOf = (status: string): string => STATUS_WORDS[status] ?? status

function incident(one: Incident, { board, now }: View): string {
  const titleOf = (name: string) => board.components.find((component) => component.name === name)?.title ?? name
  const when = one.starts_at
    ? `<time>${timeOf(iso(one.starts_at), now)}</time>${one.ends_at ? ` to <time>${timeOf(iso(one.ends_at), now)}</time>` : ''}`
    : `noticed <time>${timeOf(iso(one.detected_at), now)}</time>`
  const updates = one.updates.map(
    (update) =>
      `<li><p class="when"><b>${wordOf(update.status)}</b> <time>${timeOf(iso(update.written_at), now)}</time></p><p>${paragraphs(update.body)}</p></li>`,
  )
  return `<article class="incident ${one.closed_at === null ? (one.severity ?? 'planned').toLowerCase() : 'over'}" id="${one.id}">
<h3>${escaped(one.title)}</h3>
<p class="tags"><span class="tag">${one.severity ?? 'Maintenance'}</span><span class="tag">${wordOf(one.status)}</span>${one.components.map((name) => `<span class="tag">${escaped(titleOf(name))}</span>`).join('')}<span class="when">${when}</span></p>
<ol>${updates.join('')}</ol>
</article>`
}

/** Out of the file times are texts, out of memory they were made so too. */
const iso = (time: Date | string): string => (typeof time === 'string' ? time : time.toISOString())

const paragraphs = (text: string): string => escaped(text).replaceAll(/\r?\n/g, '<br>')
