// A page that is several: the name of the whole, its sections, and the one that is shown under its title. The first section's path is that of the whole.
import type { ReactNode } from 'react'
import { Link, useLocation } from 'wouter'
import { PageTitle } from './card.tsx'

type Place = { name: string; path: string }
type Props = { name: string; places: readonly Place[]; title: string; aside?: ReactNode; children: ReactNode }

export function Sections({ name, places, title, aside, children }: Props) {
  const [location] = useLocation()
  const isHere = (path: string) => location === path || (path !== places[0]?.path && location.startsWith(`${path}/`))
  return (
    <div className="flex flex-col gap-5">
      <nav aria-label={name} className="flex flex-wrap gap-1 border-b border-line pb-2 text-sm">
        {places.map((place) => (
          <Link
            key={place.path}
            href={place.path}
            aria-current={isHere(place.path) ? 'page' : undefined}
            className="rounded-lg px-2.5 py-1 text-muted hover:bg-sunken hover:text-text aria-[current]:bg-accent-soft aria-[current]:font-medium aria-[current]:text-text"
          >
            {place.name}
          </Link>
        ))}
      </nav>
      <PageTitle title={title}>{aside}</PageTitle>
      {children}
    </div>
  )
}
