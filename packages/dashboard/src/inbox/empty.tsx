// An inbox in which nothing waits: to whoever may make agents, with a question to try it by that works as it stands.
import { Link } from 'wouter'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { sample } from '../sample.ts'
import { Copyable } from '../ui/copy.tsx'

export function NothingWaits() {
  const me = useUser()
  return (
    <section className="card flex flex-col gap-4 p-6" aria-labelledby="nothing">
      <h2 id="nothing" className="text-lg font-semibold">
        Nothing waits for you
      </h2>
      {Object.hasOwn(me.may, 'agent.create') ? (
        <>
          <p className="max-w-prose text-muted">
            A question appears here the moment an agent asks it. To see one, save this as{' '}
            <code className="font-mono">ask.mjs</code>, put the key of an{' '}
            <Link href={paths.agents()} className="text-accent underline">
              agent
            </Link>{' '}
            in the environment, and run it.
          </p>
          <Copyable label="sample" text={sample(location.origin)} block />
        </>
      ) : (
        <p className="text-muted">A question appears here the moment an agent asks it.</p>
      )}
    </section>
  )
}
