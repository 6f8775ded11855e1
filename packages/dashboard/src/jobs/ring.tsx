// The ring as a picture: sixteen slots in a circle, which is filled now, which are sealed, and what holds one of them. The same stands beside it in words.

import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { figure, type Ring, span } from './frame.tsx'

const HELD: Record<string, string> = {
  lock: t('another session holds a lock on it'),
  writers: t('a transaction that wrote there is still open'),
  order: t('an older slot goes first'),
  running: t('jobs of it still run'),
  unclaimed: t('jobs wait there'),
}
const FILL = { current: 'var(--accent)', sealed: 'var(--line-strong)', free: 'var(--sunken)' }
const FILL_HELD = 'var(--warn)'
const R = 62

export function RingPicture({ ring }: { ring: Ring }) {
  const count = ring.slots.length || 16
  const sealed = ring.slots.filter((slot) => slot.state === 'sealed')
  const held = ring.slots.filter((slot) => slot.held_by)
  return (
    <section className="card flex flex-wrap items-center gap-6 p-5" aria-labelledby="ring-title">
      <svg
        viewBox="0 0 180 180"
        width="180"
        height="180"
        role="img"
        aria-label={t('Ring: {freeSlots} of {count} slots are free', { freeSlots: ring.free_slots, count })}
      >
        {ring.slots.map((slot) => {
          const from = ((slot.slot - 0.42) / count) * 2 * Math.PI - Math.PI / 2
          const to = ((slot.slot + 0.42) / count) * 2 * Math.PI - Math.PI / 2
          const at = (angle: number, r: number) => `${90 + r * Math.cos(angle)},${90 + r * Math.sin(angle)}`
          const middle = (from + to) / 2
          return (
            <g key={slot.slot}>
              <path
                d={`M${at(from, R)} A${R},${R} 0 0 1 ${at(to, R)} L${at(to, R + 22)} A${R + 22},${R + 22} 0 0 0 ${at(from, R + 22)} Z`}
                fill={slot.held_by ? FILL_HELD : FILL[slot.state]}
                stroke="var(--line-strong)"
                strokeWidth={slot.state === 'current' ? 2 : 0.75}
              >
                <title>
                  {slot.held_by
                    ? t('Slot {slot}: {state}, {why}', {
                        slot: slot.slot,
                        state: wireWord(slot.state),
                        why: HELD[slot.held_by] ?? slot.held_by,
                      })
                    : t('Slot {slot}: {state}', { slot: slot.slot, state: wireWord(slot.state) })}
                </title>
              </path>
              <text
                x={90 + (R - 10) * Math.cos(middle)}
                y={93 + (R - 10) * Math.sin(middle)}
                textAnchor="middle"
                fontSize="9"
                fill="var(--muted)"
              >
                {slot.slot}
              </text>
            </g>
          )
        })}
        <text x="90" y="86" textAnchor="middle" fontSize="22" fontWeight="600" fill="var(--text)">
          {ring.free_slots}
        </text>
        <text x="90" y="102" textAnchor="middle" fontSize="11" fill="var(--muted)">
          {t('slots free')}
        </text>
      </svg>
      <div className="flex min-w-0 grow basis-64 flex-col gap-2">
        <h2 id="ring-title" className="text-base font-semibold">
          {t('Ring')}
        </h2>
        <p className="text-sm text-muted">
          {t('Generation {generation}', { generation: figure(ring.generation) })}
          {' · '}
          {t('oldest slot {span}', { span: span(ring.oldest_age_ms) })}
          {ring.horizon_age_s !== null && ` · ${t('oldest snapshot {span}', { span: span(ring.horizon_age_s * 1000) })}`}
        </p>
        <ul className="flex flex-wrap gap-x-5 gap-y-1 text-sm">
          <Key colour={FILL.current} name={t('filled now')} />
          <Key colour={FILL.sealed} name={t('sealed ({count})', { count: sealed.length })} />
          {held.length > 0 && <Key colour={FILL_HELD} name={t('held ({count})', { count: held.length })} />}
          <Key colour={FILL.free} name={t('free ({count})', { count: ring.free_slots })} />
        </ul>
        {held.length > 0 && (
          <ul className="text-sm">
            {held.map((slot) => (
              <li key={slot.slot}>
                {t('Slot {slot}, {span} old: {heldBy}', {
                  slot: slot.slot,
                  span: span(slot.age_ms),
                  heldBy: HELD[slot.held_by ?? ''] ?? slot.held_by,
                })}
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  )
}

const Key = ({ colour, name }: { colour: string; name: string }) => (
  <li className="flex items-center gap-1.5">
    <svg width="12" height="12" aria-hidden="true">
      <rect width="12" height="12" rx="3" fill={colour} stroke="var(--line-strong)" />
    </svg>
    {name}
  </li>
)
