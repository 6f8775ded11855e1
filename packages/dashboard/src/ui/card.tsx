// A part of a page with a heading of its own, and room at its right for what one can do with it.
import { type ReactNode, useId } from 'react'

/** `foreign`: the title comes from the server or a person, so that it is no message. */
type Props = { title: string; foreign?: boolean; badge?: ReactNode; aside?: ReactNode; children: ReactNode }

export function Card({ title, foreign, badge, aside, children }: Props) {
  const id = useId()
  return (
    <section className="card flex min-w-0 flex-col gap-4 p-5" aria-labelledby={id}>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <div className="flex min-w-0 flex-wrap items-center gap-2">
          <h2 id={id} className="min-w-0 text-base font-semibold wrap-anywhere" data-content={foreign ? '' : undefined}>
            {title}
          </h2>
          {badge}
        </div>
        {aside && <div className="-my-1.5">{aside}</div>}
      </div>
      {children}
    </section>
  )
}

/** The first line of a page. */
export function PageTitle({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex min-h-10 flex-wrap items-center justify-between gap-3">
      <h1 className="text-2xl font-semibold tracking-tight">{title}</h1>
      {children}
    </div>
  )
}
